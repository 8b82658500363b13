"""SavedModels: by tags and signature, those of TensorFlow 1 in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.backends.options import Options
from harness.backends.tensorflow_calls import ModelCall, function_call, session_call
from harness.backends.tensorflow_graphs import (
    choose_signature,
    named_tensors,
    signature_tensors,
)
from harness.backends.tensorflow_messages import read_message
from harness.backends.tensorflow_runtime import without_advice
from harness.backends.tensorflow_safety import check_answers, check_operators
from harness.backends.tensorflow_sessions import new_session
from harness.core.containment import path_inside
from harness.core.errors import HarnessError, ModelLoadError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FILES = ("saved_model.pb", "saved_model.pbtxt")
_ALLOWED = frozenset({"allow_ops", "inputs", "outputs", "signature", "tags"})
# What the loader of TensorFlow 2 raises for files that the loader of TensorFlow 1 may
# still read: it rebuilds Python objects, where the other one runs a graph.
_REFUSALS = (AssertionError, AttributeError, LookupError, OSError, RuntimeError)


def open_saved_model(tf: Any, path: Path, options: Mapping[str, object]) -> ModelCall:
    """A SavedModel folder's signature.

    Args:
        tf: TensorFlow.
        path: The folder.
        options: ``tags``; ``signature``, or ``inputs`` and ``outputs`` in place of
            one; ``allow_ops``.

    Raises:
        SuiteError: An option is unknown, no graph has the tags, or the model lacks
            the signature or tensor.
        ModelLoadError: A file is missing or broken.
        UnsafeModelError: It would run Python code, open files by name, or has an
            asset outside its folder.
    """
    request = Options("tensorflow, SavedModel", options, _ALLOWED)
    meta_graph = _meta_graph(tf, path, request)
    _check_assets(tf, path, meta_graph)
    allowed = request.names("allow_ops")
    assets = [asset.tensor_info.name for asset in _assets(tf, meta_graph)]
    check_operators(meta_graph.graph_def, path, allowed, assets)
    check_answers(meta_graph.graph_def, _answers(meta_graph, request), path, allowed)
    if request.names("inputs") or request.names("outputs"):
        return _in_session(tf, path, request, meta_graph)
    name, _ = choose_signature(meta_graph.signature_def, request, path)
    if not meta_graph.HasField("object_graph_def"):
        return _in_session(tf, path, request, meta_graph)
    try:
        model = tf.saved_model.load(str(path), tags=_tags(meta_graph))
        facts = {"signature": name, "tags": ", ".join(_tags(meta_graph))}
        return function_call(tf, model.signatures[name], model, facts)
    except (*_REFUSALS, TypeError, ValueError, tf.errors.OpError) as error:
        return _old_loader(tf, path, request, meta_graph, error)


def _old_loader(
    tf: Any, path: Path, request: Options, meta_graph: Any, first: Exception
) -> ModelCall:
    """What `tf.saved_model.load` refuses, in a session; its own error where both do."""
    try:
        return _in_session(tf, path, request, meta_graph)
    except HarnessError:
        raise
    except Exception as error:
        raise first from error


def _in_session(tf: Any, path: Path, request: Options, meta_graph: Any) -> ModelCall:
    session = new_session(tf)
    tags = _tags(meta_graph)
    with without_advice(tf):
        tf.compat.v1.saved_model.loader.load(session, tags, str(path))
    facts = {"tags": ", ".join(tags)}
    named = named_tensors(session.graph, request, path)
    if named is None:
        name, signature = choose_signature(meta_graph.signature_def, request, path)
        facts["signature"] = name
        named = signature_tensors(session.graph, signature, path)
    return session_call(session, *named, facts)


def _meta_graph(tf: Any, path: Path, request: Options) -> Any:
    """The graph of exactly the tags asked for; without any, "serve" or the only one."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = next((path / name for name in _FILES if (path / name).is_file()), None)
    if file is None:
        raise ModelLoadError(
            f"{path} holds neither {' nor '.join(_FILES)}",
            hint="name the folder that saved_model.pb lies in",
        )
    graphs = read_message(file, SavedModel(), "SavedModel").meta_graphs
    wanted = sorted(request.names("tags")) or [tf.saved_model.SERVING]
    if not request.names("tags") and len(graphs) == 1:
        return graphs[0]
    for graph in graphs:
        if _tags(graph) == wanted:
            return graph
    known = "; ".join(sorted(str(_tags(graph)) for graph in graphs)) or "none"
    raise SuiteError(
        f"{path} has no graph of the tags {wanted}",
        hint=f"its graphs have the tags {known}; say options = {{ tags = [...] }}",
    )


def _answers(meta_graph: Any, request: Options) -> list[str]:
    """Tensors that are asked for, or that are run when the model is loaded."""
    signatures = meta_graph.signature_def.values()
    infos = (info for signature in signatures for info in signature.outputs.values())
    return [*request.names("outputs"), *(info.name for info in infos)]


def _tags(meta_graph: Any) -> list[str]:
    return sorted(meta_graph.meta_info_def.tags)


def _check_assets(tf: Any, path: Path, meta_graph: Any) -> None:
    folder = path / tf.saved_model.ASSETS_DIRECTORY
    for name in (asset.filename for asset in _assets(tf, meta_graph)):
        asset = path_inside(folder, name, f"{path}: an asset")
        if not asset.is_file():
            raise ModelLoadError(
                f"{path} lacks its asset file {name!r}",
                hint="copy the whole folder, its sub-folder assets too",
            )


def _assets(tf: Any, meta_graph: Any) -> Iterator[Any]:
    """Asset files, in their place and in that before TensorFlow 1.15."""
    from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

    yield from meta_graph.asset_file_def
    packed = meta_graph.collection_def[tf.saved_model.ASSETS_KEY].any_list.value
    for value in packed:
        asset = AssetFileDef()
        value.Unpack(asset)
        yield asset
