"""Weights of a model in onnxruntime's own format: initializers of its main graph.

Slots are those of onnxruntime/core/flatbuffers/schema/ort.fbs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import AttributeProto, GraphProto, NodeProto, TensorProto

from harness.formats.flat import root
from harness.formats.malformed import Malformed
from harness.formats.wire import mapped
from harness.weights.readers.faults import reading
from harness.weights.readers.onnx_ import weights_of
from harness.weights.readers.onnx_graph import Graph
from harness.weights.readers.onnx_storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import WeightTensor
    from harness.formats.flat import Table

_LARGEST_CODE = (1 << 31) - 1
_MAX_LENGTH = 1 << 62


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """The float tensors of a model, and its quantized ones as the floats they mean.

    What is left out, and roles, are as for ONNX files: it is their graph.

    Raises:
        ModelLoadError: The file is missing, cut short or damaged, or a tensor lies in
            a file of its own, as in a checkpoint for training.
    """
    with reading(path, "ORT"), mapped(path) as data:
        model = root(data).table(1)
        graph = model.table(7) if model else None
        if graph is None:
            raise Malformed("it holds no graph")
        found = Graph(_graph(graph, path.name))
        storage = Storage(path, found.constants)
    for name in found.constants:
        storage.check(name)
    return weights_of(found, storage)


def _graph(graph: Table, file: str) -> GraphProto:
    return GraphProto(
        initializer=[_tensor(tensor, file) for tensor in graph.tables(0)],
        node=[_node(node) for node in graph.tables(2)],
    )


def _node(node: Table) -> NodeProto:
    return NodeProto(
        name=node.text(0),
        domain=node.text(2),
        op_type=node.text(5),
        input=node.texts(8),
        output=node.texts(9),
        attribute=[_attribute(item) for item in node.tables(10)],
    )


def _attribute(item: Table) -> AttributeProto:
    """Of an attribute, what readers of weights ask for: its name and its number."""
    return AttributeProto(name=item.text(0), i=item.integer(4, "q"))


def _tensor(tensor: Table, file: str) -> TensorProto:
    """A tensor whose numbers lie in the file, as ONNX says it."""
    name = tensor.text(0)
    if tensor.integer(6, "q", -1) >= 0:
        raise Malformed(
            f"tensor {name!r} lies in another file, as in checkpoints for training"
        )
    place = tensor.place(4)
    dims, kind = tensor.integers(2, "q"), tensor.integer(3, "i")
    if not all(0 <= n < _MAX_LENGTH for n in dims) or not 0 <= kind < _LARGEST_CODE:
        raise Malformed(f"tensor {name!r} has shape {dims} and type {kind}")
    made = TensorProto(
        name=name, dims=dims, data_type=kind, data_location=TensorProto.EXTERNAL
    )
    entries = {"location": file, "offset": place.start, "length": len(place)}
    for key, value in entries.items():
        made.external_data.add(key=key, value=str(value))
    return made
