"""Frozen GraphDefs, ``.pb`` and ``.pbtxt``: variables became constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.backends.options import Options
from harness.backends.tensorflow_calls import ModelCall, positional_call
from harness.backends.tensorflow_graphs import tensors_by_name
from harness.backends.tensorflow_messages import read_message
from harness.backends.tensorflow_safety import check_answers, check_operators
from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ALLOWED = frozenset({"allow_ops", "inputs", "outputs"})
_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderWithDefault"})
_NO_OUTPUT = frozenset({"Assert", "Const", "NoOp", *_PLACEHOLDERS})
_VARIABLES = frozenset({"VarHandleOp", "Variable", "VariableV2"})


def open_frozen(tf: Any, path: Path, options: Mapping[str, object]) -> ModelCall:
    """A GraphDef, called by tensor names.

    Args:
        tf: TensorFlow.
        path: The file, binary or text.
        options: ``inputs``, else its placeholders; ``outputs``, else what nothing
            uses; ``allow_ops``.

    Raises:
        SuiteError: An option is unknown, or the graph lacks a tensor.
        ModelLoadError: The file is broken, or the graph still has variables.
        UnsafeModelError: It would run Python code or open files by name.
    """
    request = Options("tensorflow, GraphDef", options, _ALLOWED)
    graph = read_message(path, tf.compat.v1.GraphDef(), "GraphDef")
    check_operators(graph, path, request.names("allow_ops"))
    inputs = request.names("inputs") or _placeholders(graph)
    outputs = request.names("outputs") or _sinks(graph)
    if not inputs or not outputs:
        raise ModelLoadError(
            f"{path}: cannot tell the graph's inputs, {inputs}, and outputs, {outputs}",
            hint='say options = { inputs = ["..."], outputs = ["..."] } in the variant',
        )
    check_answers(graph, outputs, path, request.names("allow_ops"))
    wrapped = tf.compat.v1.wrap_function(
        lambda: tf.compat.v1.import_graph_def(graph, name=""), []
    )
    sources = tensors_by_name(wrapped.graph, inputs, path)
    targets = tensors_by_name(wrapped.graph, outputs, path)
    function = wrapped.prune(list(sources.values()), list(targets.values()))
    _refuse_variables(function.graph, path)
    return positional_call(tf, function, sources, targets)


def _placeholders(graph: Any) -> list[str]:
    return [node.name for node in graph.node if node.op in _PLACEHOLDERS]


def _sinks(graph: Any) -> list[str]:
    """Nodes whose values no other node takes, in the graph's order."""
    used = {name.partition(":")[0] for node in graph.node for name in node.input}
    nodes = (node for node in graph.node if node.op not in _NO_OUTPUT)
    return [node.name for node in nodes if node.name not in used]


def _refuse_variables(graph: Any, path: Path) -> None:
    for operation in graph.get_operations():
        if operation.type in _VARIABLES:
            raise ModelLoadError(
                f"{path}: node {operation.name!r} is a variable, whose value is not"
                " in a GraphDef",
                hint="freeze the graph, or name the checkpoint that it belongs to",
            )
