"""TensorFlow: SavedModels by signature, frozen GraphDefs by tensor names."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.stderr import quiet_start
from harness.core.errors import HarnessError, ModelLoadError, SuiteError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, Runtime

_ALLOWED = frozenset({"signature", "inputs", "outputs"})
_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderWithDefault"})
_NO_OUTPUT = frozenset({"Assert", "Const", "NoOp", *_PLACEHOLDERS})


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a SavedModel folder or a frozen GraphDef.

    Runs on one thread where TensorFlow has not been used in the process before.

    Args:
        path: Folder with ``saved_model.pb``, or a ``.pb`` file.
        options: ``signature`` of a SavedModel (serving_default); ``inputs`` and
            ``outputs`` of a GraphDef, lists of tensor names ("image" is "image:0").
            Without them, placeholders are inputs and what nothing uses are outputs.

    Raises:
        SuiteError: An option is unknown, or names what the model does not have.
        ModelLoadError: The file is missing, broken or not supported.
    """
    request = Options("tensorflow", options, _ALLOWED)
    if not path.is_dir():
        require_file(path)
    tf = import_tensorflow()
    try:
        if path.is_dir():
            function = _saved_model(tf, path, request)
        else:
            function = _frozen(tf, path, request)
    except HarnessError:
        raise
    except Exception as error:
        raise load_failure("tensorflow", path, error) from error
    facts: Runtime = {
        "backend": "tensorflow",
        "version": tf.__version__,
        **runtime_facts(),
        **function.facts,
    }
    return LiveSession(
        LoadedModel(
            inputs=function.inputs,
            outputs=function.outputs,
            runtime=facts,
            call=function.call,
            errors=(tf.errors.OpError, TypeError, ValueError),
            translate=lambda error: batch_error("tensorflow", str(path), error),
        )
    )


@cache
def import_tensorflow() -> Any:
    """TensorFlow, imported quietly and set to one thread where that is still open."""
    with quiet_start():
        import tensorflow as tf
    # Threads are fixed by TensorFlow's first operation. Where somebody else in this
    # process came first, `runtime_facts` records what is really there.
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def runtime_facts() -> dict[str, str | int | float | bool | None]:
    """Settings of TensorFlow that decide its last bits."""
    tf = import_tensorflow()
    threading = tf.config.threading
    return {
        "intra_op_num_threads": threading.get_intra_op_parallelism_threads(),
        "inter_op_num_threads": threading.get_inter_op_parallelism_threads(),
        # Its kernels order sums differently; on by default on x86 Linux.
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
    }


@dataclass(frozen=True, slots=True)
class _Function:
    """What is called: specs, a call on arrays, and how the record names it."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    call: Callable[[Arrays], dict[str, Array]]
    facts: Mapping[str, str]


def _saved_model(tf: Any, path: Path, request: Options) -> _Function:
    model = tf.saved_model.load(str(path))
    name = request.get("signature", str, "serving_default")
    if name not in model.signatures:
        known = ", ".join(sorted(model.signatures)) or "none"
        raise SuiteError(
            f"{path} has no signature {name!r}",
            hint=f'its signatures are: {known}; say options = {{ signature = "..." }}',
        )
    signature = model.signatures[name]
    inputs = signature.structured_input_signature[1]
    outputs = signature.structured_outputs

    # Holding `model` keeps its variables: a signature alone lets them be collected.
    def call(feeds: Arrays, _keep: Any = model) -> dict[str, Array]:
        answers = signature(**{n: tf.constant(feeds[n]) for n in inputs})
        return {n: answers[n].numpy() for n in outputs}

    return _Function(
        tuple(_spec(n, tensor) for n, tensor in inputs.items()),
        tuple(_spec(n, tensor) for n, tensor in outputs.items()),
        call,
        {"signature": name},
    )


def _frozen(tf: Any, path: Path, request: Options) -> _Function:
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(path.read_bytes())
    inputs = request.names("inputs") or _placeholders(graph)
    outputs = request.names("outputs") or _sinks(graph)
    if not inputs or not outputs:
        raise ModelLoadError(
            f"{path}: cannot tell the graph's inputs, {inputs}, and outputs, {outputs}",
            hint='say options = { inputs = ["..."], outputs = ["..."] } in the variant',
        )
    wrapped = tf.compat.v1.wrap_function(
        lambda: tf.compat.v1.import_graph_def(graph, name=""), []
    )
    sources = [_element(wrapped.graph, name, path) for name in inputs]
    targets = [_element(wrapped.graph, name, path) for name in outputs]
    function = wrapped.prune(sources, targets)

    def call(feeds: Arrays) -> dict[str, Array]:
        answers = function(*(tf.constant(feeds[n]) for n in inputs))
        return {n: a.numpy() for n, a in zip(outputs, answers, strict=True)}

    return _Function(
        tuple(_spec(n, tensor) for n, tensor in zip(inputs, sources, strict=True)),
        tuple(_spec(n, tensor) for n, tensor in zip(outputs, targets, strict=True)),
        call,
        {"inputs": ", ".join(inputs), "outputs": ", ".join(outputs)},
    )


def _placeholders(graph: Any) -> list[str]:
    return [node.name for node in graph.node if node.op in _PLACEHOLDERS]


def _sinks(graph: Any) -> list[str]:
    """Nodes whose values no other node takes, in the graph's order."""
    used = {name.partition(":")[0] for node in graph.node for name in node.input}
    nodes = (node for node in graph.node if node.op not in _NO_OUTPUT)
    return [node.name for node in nodes if node.name not in used]


def _element(graph: Any, name: str, path: Path) -> Any:
    try:
        return graph.as_graph_element(name if ":" in name else f"{name}:0")
    except (KeyError, ValueError) as error:
        raise SuiteError(
            f"{path} has no tensor {name!r}",
            hint="name a node of the graph, or a tensor as <node>:<output>",
        ) from error


def _spec(name: str, tensor: Any) -> TensorSpec:
    dtype = "str" if tensor.dtype.name == "string" else tensor.dtype.name
    known = tensor.shape.rank is not None
    return TensorSpec(name, dtype, tuple(tensor.shape.as_list()) if known else None)
