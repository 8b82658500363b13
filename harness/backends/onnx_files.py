"""Data that an ONNX model keeps in other files: only in its own folder."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import ModelLoadError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx

# Key of the one entry that every external tensor has (onnx.proto, external_data).
_MARK = b"location"


def check_external_data(model: Path | bytes, folder: Path | None) -> None:
    """Refuse a model whose external data lie outside `folder`, or nowhere.

    A model that holds all of its data is only searched for the entry's key, at the
    speed of memory; it is not parsed a second time.

    Raises:
        UnsafeModelError: A location is absolute or leaves the folder.
        ModelLoadError: A location does not exist, or there is no folder.
    """
    if not _mentions_external_data(model):
        return
    for location, tensor in sorted(_locations(model).items()):
        where = f"tensor {tensor!r} keeps its data in {location!r}"
        if folder is None:
            raise ModelLoadError(
                f"{where}, and the model came without a folder",
                hint="open the model from its file, or name its folder",
            )
        _check_location(location, folder, where)


def data_files(model: Path) -> tuple[str, ...]:
    """Locations of a model's external data inside its folder, sorted."""
    if not _mentions_external_data(model):
        return ()
    return tuple(sorted(filter(_is_inside, _locations(model))))


def _is_inside(location: str) -> bool:
    # Told from the text alone: a link inside the folder is the user's own doing (so
    # model caches are built), a path that leaves it is the file's.
    inside = Path(os.path.normpath(location))
    return not inside.is_absolute() and inside.parts[:1] != (os.pardir,)


def _check_location(location: str, folder: Path, where: str) -> None:
    inside = Path(os.path.normpath(location))
    if not _is_inside(location):
        raise UnsafeModelError(
            f"{where}, outside the model's folder {folder}",
            hint="a model may read data beside itself only; save it again with"
            " onnx.save(..., save_as_external_data=True)",
        )
    if not (folder / inside).is_file():
        raise ModelLoadError(
            f"{where}, and {folder / inside} does not exist",
            hint="copy the data file beside the model, under the name it had",
        )


def _mentions_external_data(model: Path | bytes) -> bool:
    if isinstance(model, bytes):
        return _MARK in model
    with model.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return view.find(_MARK) >= 0


def _locations(model: Path | bytes) -> dict[str, str]:
    """Location -> a tensor that names it."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        if isinstance(model, bytes):
            proto = onnx.load_model_from_string(model)
        else:
            proto = onnx.load(model, load_external_data=False)
    except DecodeError:
        # No whole ONNX model, or an ORT file: the runtime tells, in better words.
        return {}
    nodes = [node for function in proto.functions for node in function.node]
    tensors = [*_tensors(proto.graph), *_attribute_tensors(nodes)]
    return {
        entry.value: tensor.name
        for tensor in tensors
        if onnx.external_data_helper.uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _attribute_tensors(graph.node)


def _attribute_tensors(nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            graphs = [attribute.g] if attribute.HasField("g") else []
            for graph in (*graphs, *attribute.graphs):
                yield from _tensors(graph)
