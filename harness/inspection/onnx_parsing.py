"""An ONNX file as its message, refused where it is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import Array

_HINT = "export or copy the model again; it may have been cut short"


def parse(path: Path) -> onnx.ModelProto:
    """Parse an ONNX file; data files are not opened.

    Raises:
        ModelLoadError: It is cut short, damaged or no ONNX model.
        OSError: It cannot be read.
    """
    try:
        proto = onnx.load(path, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise ModelLoadError(
            f"{path} is not a whole ONNX file: {error}", hint=_HINT
        ) from error
    if not (proto.opset_import and proto.graph.output):
        raise ModelLoadError(
            f"{path} is no ONNX model: it has no opset or no graph output", hint=_HINT
        )
    if not all(isinstance(text, str) for text in _texts(proto)):
        raise ModelLoadError(
            f"{path} is damaged: a name in it is no UTF-8 text", hint=_HINT
        )
    return proto


def values_of(tensor: onnx.TensorProto) -> Array | None:
    """The numbers of a tensor; None where they lie in a data file.

    Raises:
        ModelLoadError: They are not as many as its shape says.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return None
    try:
        return onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise ModelLoadError(
            f"tensor {tensor.name!r} is damaged: {error}", hint=_HINT
        ) from error


def _texts(message: Message) -> Iterator[object]:
    """All texts of a message; protobuf gives bytes where one is no UTF-8."""
    if isinstance(message, onnx.TensorProto):
        # Its other fields are numbers, and may be gigabytes.
        yield message.name
        yield from (t for e in message.external_data for t in (e.key, e.value))
        return
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            yield from _items(value)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for item in _items(value):
                yield from _texts(item)


def _items(value: Any) -> list[Any]:
    single = isinstance(value, (str, bytes, Message))
    return [value] if single else list(value)
