"""Values of a Core ML program: inside of it, or in a blob file beside it.

Field numbers are those of coremltools/mlmodel/format/MIL.proto; the blob file's layout
is that of mlmodel/src/MILBlob/Blob/StorageFormat.hpp (version 2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.containment import path_inside
from harness.formats.malformed import Malformed
from harness.formats.wire import Message, mapped
from harness.weights.readers import elements

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import Array

_DTYPES = {
    1: "bool",
    2: "str",
    10: "float16",
    11: "float32",
    12: "float64",
    13: "bfloat16",
    21: "int8",
    22: "int16",
    23: "int32",
    24: "int64",
    25: "int4",
    31: "uint8",
    32: "uint16",
    33: "uint32",
    34: "uint64",
    35: "uint4",
    36: "uint2",
    37: "uint1",
    38: "uint6",
    39: "uint3",
    40: "float8_e4m3fn",
    41: "float8_e5m2",
}
# TensorValue: numbers as protobuf keeps them, whatever the tensor's type.
_FLOATS, _INTS, _LONGS, _DOUBLES, _BYTES = 1, 2, 5, 6, 7
_HEADER = struct.Struct("<2I")
_RECORD = struct.Struct("<2I2Q")
_SENTINEL = 0xDEADBEEF
_VERSION = 2
_PLACE = "@model_path/"


class Blobs:
    """The blob files of a program, each mapped once.

    Args:
        path: The program's own file; blob files lie in its folder only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, memoryview] = {}

    def block(self, name: str, offset: int) -> memoryview:
        """The bytes that the record at `offset` of a file tells of.

        Raises:
            Malformed: There is no record, or it tells of bytes beyond the end.
            OSError: The file cannot be read.
            UnsafeModelError: It lies outside of the program's folder.
        """
        data = self._file(name)
        if not 0 <= offset <= len(data) - _RECORD.size:
            raise Malformed(f"it lies at byte {offset:,} of {name}, beyond its end")
        sentinel, _, size, start = _RECORD.unpack_from(data, offset)
        if sentinel != _SENTINEL:
            raise Malformed(f"no record begins at byte {offset:,} of {name}")
        if start + size > len(data):
            raise Malformed(
                f"it lies at bytes {start:,} to {start + size:,} of {name}, which has"
                f" {len(data):,}"
            )
        return data[start : start + size]

    def _file(self, name: str) -> memoryview:
        if name not in self._files:
            location = name.removeprefix(_PLACE)
            place = path_inside(self._path.parent, location, f"{self._path}: a tensor")
            with mapped(place) as data:
                if len(data) < _HEADER.size or _HEADER.unpack_from(data)[1] != _VERSION:
                    raise Malformed(f"{name} is no blob file of version {_VERSION}")
                self._files[name] = data
        return self._files[name]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of a program.

    Attributes:
        dtype: Its type's name; "unknown" for other things than tensors.
        shape: Its shape.
        message: The Value message.
        blobs: Where it may lie.
    """

    dtype: str
    shape: tuple[int, ...]
    message: Message
    blobs: Blobs

    @classmethod
    def of(cls, message: Message, blobs: Blobs) -> Value:
        """The tensor of a Value message."""
        dtype, shape = tensor_type(message.message(2))
        return cls(dtype, shape, message, blobs)

    def numbers(self) -> Array:
        """As stored.

        Raises:
            Malformed: There are more or fewer than the shape takes.
            OSError: The blob file cannot be read.
        """
        if self.message.has(5):
            place = self.message.message(5)
            block = self.blobs.block(place.text(1), place.integer(2))
            return elements.numbers(block, self.dtype, self.shape)
        return self._immediate()

    def _immediate(self) -> Array:
        tensor = self.message.message(3).message(1)
        if tensor.has(_BYTES):
            blocks = tensor.message(_BYTES).blocks(1)
            return elements.numbers(_joined(blocks), self.dtype, self.shape)
        for field, dtype in ((_FLOATS, "float32"), (_DOUBLES, "float64")):
            if tensor.has(field):
                block = _joined(tensor.message(field).blocks(1))
                return elements.numbers(block, dtype, self.shape)
        field = _INTS if tensor.has(_INTS) else _LONGS
        found = np.array(tensor.message(field).integers(1), np.int64)
        try:
            return found.reshape(self.shape)
        except ValueError as error:
            raise Malformed(f"it has {found.size} numbers: {error}") from error

    def check(self) -> None:
        """See that its bytes are where it says, and as many as its shape takes.

        Raises:
            Malformed: They are not.
        """
        if self.message.has(5):
            place = self.message.message(5)
            held = len(self.blobs.block(place.text(1), place.integer(2)))
            wanted = elements.n_bytes(self.dtype, self.shape)
            if held != wanted:
                raise Malformed(
                    f"it has {held:,} bytes; its shape {list(self.shape)} of"
                    f" {self.dtype} takes {wanted:,}"
                )


def tensor_type(kind: Message) -> tuple[str, tuple[int, ...]]:
    """Type and shape of a ValueType; "unknown" for other things than tensors."""
    tensor = kind.message(1)
    dimensions = tensor.messages(3)
    shape = tuple(dimension.message(1).integer(1) for dimension in dimensions)
    return _DTYPES.get(tensor.integer(1), "unknown"), shape


def _joined(blocks: list[memoryview]) -> memoryview:
    """A field's bytes; numbers that are not packed are a block each."""
    return blocks[0] if len(blocks) == 1 else memoryview(b"".join(blocks))
