"""Checkpoints: variables, run in their MetaGraph or in a model that a factory makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.backends.options import Options
from harness.backends.tensorflow_calls import ModelCall, session_call
from harness.backends.tensorflow_checkpoint_files import (
    beside,
    check_files,
    digest_facts,
)
from harness.backends.tensorflow_factory import restored_by_factory
from harness.backends.tensorflow_graphs import (
    choose_signature,
    named_tensors,
    signature_tensors,
    tensors_by_name,
)
from harness.backends.tensorflow_messages import read_message
from harness.backends.tensorflow_runtime import without_advice
from harness.backends.tensorflow_safety import check_answers, check_operators
from harness.backends.tensorflow_sessions import check_restored, new_session
from harness.core.errors import ModelLoadError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ALLOWED = frozenset(
    {
        *("allow_ops", "inputs", "outputs", "signature"),
        *("attribute", "factory", "factory_args"),
    }
)


def open_checkpoint(tf: Any, prefix: Path, options: Mapping[str, object]) -> ModelCall:
    """A checkpoint, restored into its ``.meta`` graph or into a factory's model.

    Args:
        tf: TensorFlow.
        prefix: As `prefix_of` gives it.
        options: ``signature``, or ``inputs`` and ``outputs``, of its MetaGraph;
            ``factory``, ``factory_args`` and ``attribute`` in place of one;
            ``allow_ops``.

    Raises:
        SuiteError: An option is unknown, or the factory, a tensor or the signature
            does not exist.
        ModelLoadError: A file is missing or broken, or variables stay without a value.
        UnsafeModelError: The graph would run Python code or open files by name.
    """
    request = Options("tensorflow, checkpoint", options, _ALLOWED)
    check_files(prefix)
    call = _opened(tf, prefix, request)
    return replace(call, facts={**call.facts, **digest_facts(prefix)})


def _opened(tf: Any, prefix: Path, request: Options) -> ModelCall:
    if request.get("factory", str, ""):
        return restored_by_factory(tf, prefix, request)
    meta = beside(prefix, ".meta")
    if not meta.is_file():
        raise ModelLoadError(
            f"{prefix} is a checkpoint without {meta.name}: variables, and no graph",
            hint="name a function that makes the model:"
            ' options = { factory = "package.module:function" }',
        )
    return _in_session(tf, prefix, meta, request)


def _in_session(tf: Any, prefix: Path, meta: Path, request: Options) -> ModelCall:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    v1 = tf.compat.v1
    meta_graph = read_message(meta, MetaGraphDef(), "MetaGraph")
    check_operators(meta_graph.graph_def, meta, request.names("allow_ops"))
    session = new_session(tf)
    with without_advice(tf), session.graph.as_default():
        saver = v1.train.import_meta_graph(meta_graph, clear_devices=True)
        tensors, facts = _interface(session.graph, meta_graph, request, meta)
        asked = [tensor.name for tensor in tensors[1].values()]
        allowed = request.names("allow_ops")
        check_answers(meta_graph.graph_def, asked, meta, allowed)
        session.run([v1.local_variables_initializer(), v1.tables_initializer()])
        if saver is not None:
            saver.restore(session, str(prefix))
    check_restored(tf, session, tensors[1].values(), prefix)
    return session_call(session, *tensors, facts)


def _interface(
    graph: Any, meta_graph: Any, request: Options, path: Path
) -> tuple[tuple[dict[str, Any], dict[str, Any]], dict[str, str]]:
    """Inputs and outputs: of the options, of a signature, of collections so named."""
    if named := named_tensors(graph, request, path):
        return named, {}
    if meta_graph.signature_def:
        name, signature = choose_signature(meta_graph.signature_def, request, path)
        return signature_tensors(graph, signature, path), {"signature": name}
    inputs, outputs = (_collected(graph, key, path) for key in ("inputs", "outputs"))
    if not inputs or not outputs:
        placeholders = ", ".join(
            operation.name
            for operation in graph.get_operations()
            if operation.type == "Placeholder"
        )
        raise SuiteError(
            f"{path} tells neither signatures nor collections of inputs and outputs",
            hint='say options = { inputs = ["..."], outputs = ["..."] };'
            f" its placeholders are: {placeholders or 'none'}",
        )
    return (inputs, outputs), {}


def _collected(graph: Any, key: str, path: Path) -> dict[str, Any]:
    """Tensors of a collection, which holds them or their names."""
    items = graph.get_collection(key)
    named = [item.decode() for item in items if isinstance(item, bytes)]
    tensors = {item.op.name: item for item in items if hasattr(item, "op")}
    return {**tensors, **tensors_by_name(graph, named, path)}
