"""Bytes of ONNX tensors: inside the file, or in data files beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper
from onnx.helper import tensor_dtype_to_np_dtype

from harness.core.containment import path_inside
from harness.core.errors import ModelLoadError
from harness.formats.malformed import Malformed
from harness.weights.readers.byte_order import check_byte_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import Array

_UNREADABLE = frozenset({TensorProto.UNDEFINED, TensorProto.STRING})
_HINT = "export or copy the model again; it may have been cut short"


def open_model(path: Path) -> onnx.ModelProto:
    """Parse an ONNX file without reading its external data.

    Raises:
        ModelLoadError: It is missing, cut short, or no ONNX model.
    """
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise ModelLoadError(
            f"cannot read {path}: {error.strerror or error}",
            hint="check the path of the model",
        ) from error
    except DecodeError as error:
        raise ModelLoadError(
            f"{path} is not a whole ONNX file: {error}", hint=_HINT
        ) from error
    if not (model.opset_import and model.graph.output):
        raise ModelLoadError(
            f"{path} is no ONNX model: it has no opset or no graph output", hint=_HINT
        )
    if not all(isinstance(text, str) for text in _texts(model.graph)):
        raise ModelLoadError(
            f"{path} is damaged: a name in it is no UTF-8 text", hint=_HINT
        )
    return model


def _texts(graph: onnx.GraphProto) -> Iterator[object]:
    """All names that readers use; protobuf gives bytes where they are not text."""
    for tensor in graph.initializer:
        yield tensor.name
    for node in graph.node:
        yield from (node.op_type, *node.input, *node.output)


@dataclass(frozen=True, slots=True)
class _External:
    """Where a tensor's bytes lie: `offset` bytes into the file `path`."""

    path: Path
    offset: int
    length: int


class Storage:
    """The constants of one model, read one at a time.

    Args:
        path: The model file; data files are looked for in its folder only.
        constants: Name -> tensor.
    """

    def __init__(self, path: Path, constants: Mapping[str, TensorProto]) -> None:
        self._path = path
        self._constants = constants

    def __contains__(self, name: object) -> bool:
        return name in self._constants

    def shape(self, name: str) -> tuple[int, ...]:
        """As stored."""
        return tuple(self._constants[name].dims)

    def dtype(self, name: str) -> np.dtype[np.generic] | None:
        """As stored; None for strings and undefined types."""
        kind = self._constants[name].data_type
        # A number that no version of ONNX knows is as good as undefined.
        if kind in _UNREADABLE or kind not in TensorProto.DataType.values():
            return None
        return np.dtype(tensor_dtype_to_np_dtype(kind))

    def is_float(self, name: str) -> bool:
        """Whether the stored numbers are floats of any width."""
        stored = self._constants[name].data_type
        if stored not in TensorProto.DataType.values():
            return False
        kind = TensorProto.DataType.Name(stored)
        return "FLOAT" in kind or kind == "DOUBLE"

    def check(self, name: str) -> None:
        """See that a tensor's bytes are where it says.

        Raises:
            ModelLoadError: Its data file is missing or too short.
            UnsafeModelError: Its data file is outside of the model's folder.
        """
        if self._is_external(name):
            self._external(name)

    def load(self, name: str) -> Array:
        """The numbers as stored; mapped from the data file where there is one.

        Raises:
            ModelLoadError: The bytes are not as many as the shape needs, or make sense
                in the other byte order only.
        """
        values = self._load(name)
        try:
            check_byte_order(values)
        except Malformed as error:
            raise self._broken(name, f"is damaged: {error}") from error
        return values

    def _load(self, name: str) -> Array:
        tensor = self._constants[name]
        if self._is_external(name):
            return self._load_external(name)
        try:
            return numpy_helper.to_array(tensor)
        except (ValueError, TypeError) as error:
            raise self._broken(name, f"cannot be read: {error}") from error

    def _is_external(self, name: str) -> bool:
        return self._constants[name].data_location == TensorProto.EXTERNAL

    def _load_external(self, name: str) -> Array:
        place = self._external(name)
        dtype, shape = self.dtype(name), self.shape(name)
        assert dtype is not None  # strings cannot be external
        if place.length == math.prod(shape) * dtype.itemsize:
            return np.memmap(place.path, dtype, "r", place.offset, shape)
        return self._load_packed(name, place)

    def _load_packed(self, name: str, place: _External) -> Array:
        """Types of less than a byte are unpacked by onnx itself."""
        with place.path.open("rb") as stream:
            stream.seek(place.offset)
            raw = stream.read(place.length)
        tensor = self._constants[name]
        inline = TensorProto(data_type=tensor.data_type, dims=tensor.dims, raw_data=raw)
        try:
            return numpy_helper.to_array(inline)
        except (ValueError, TypeError) as error:
            raise self._broken(name, f"cannot be read: {error}") from error

    def _external(self, name: str) -> _External:
        tensor = self._constants[name]
        entries = {entry.key: entry.value for entry in tensor.external_data}
        what = f"{self._path}: tensor {name!r}"
        location = entries.get("location", "")
        target = path_inside(self._path.parent, location, what)
        if not target.is_file():
            raise self._broken(name, f"lies in {location}, which is not there")
        try:
            offset = int(entries.get("offset", 0))
            length = int(entries.get("length", self._n_bytes(name)))
        except ValueError as error:
            raise self._broken(
                name, f"has a place that is no number: {error}"
            ) from error
        size = target.stat().st_size
        if offset < 0 or length < 0 or offset + length > size:
            raise self._broken(
                name,
                f"lies at bytes {offset} to {offset + length} of {location}, which"
                f" has {size}",
            )
        return _External(target, offset, length)

    def _n_bytes(self, name: str) -> int:
        dtype = self.dtype(name)
        return math.prod(self.shape(name)) * (dtype.itemsize if dtype else 0)

    def _broken(self, name: str, why: str) -> ModelLoadError:
        return ModelLoadError(
            f"{self._path}: tensor {name!r} {why}",
            hint="copy the model together with its data files, or export it again",
        )
