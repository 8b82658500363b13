"""What a model's file declares of its values and the runtime does not pass on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import onnx


@dataclass(frozen=True, slots=True)
class Declared:
    """What only the file tells.

    Attributes:
        scalars: Inputs and outputs of rank 0, not of unknown rank.
        columns: Output of a ZipMap -> its classes, in the order of the scores.
    """

    scalars: frozenset[str] = frozenset()
    columns: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)


def read_declared(model: Path | bytes) -> Declared:
    """Parse the model, without its external data, and look.

    An ``.ort`` file is no protobuf message: nothing is known of it.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        if isinstance(model, bytes):
            proto = onnx.load_model_from_string(model)
        else:
            proto = onnx.load(model, load_external_data=False)
    except DecodeError:
        return Declared()
    graph = proto.graph
    return Declared(
        frozenset(v.name for v in (*graph.input, *graph.output) if _is_scalar(v)),
        {
            node.output[0]: classes
            for node in graph.node
            if node.op_type == "ZipMap" and (classes := _classes(node))
        },
    )


def _is_scalar(value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    return tensor.HasField("shape") and not tensor.shape.dim


def _classes(node: onnx.NodeProto) -> tuple[str | int, ...]:
    for attribute in node.attribute:
        if attribute.name == "classlabels_strings" and attribute.strings:
            return tuple(text.decode() for text in attribute.strings)
        if attribute.name == "classlabels_int64s" and attribute.ints:
            return tuple(attribute.ints)
    return ()
