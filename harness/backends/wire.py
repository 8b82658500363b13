"""The outermost level of a protobuf message, read without its schema.

Encoding: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from io import SEEK_END
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_MAX_FIELDS = 256
_HEAD = 64
_FIXED = {1: 8, 5: 4}


def top_level_fields(stream: BinaryIO) -> Iterator[tuple[int, int | bytes]]:
    """Field number and value of the first fields.

    A varint's value is an int; any other value is its first 64 bytes, and the rest
    is skipped by seeking. Ends silently where the bytes stop being protobuf: that
    answers the question.
    """
    end = stream.seek(0, SEEK_END)
    stream.seek(0)
    for _ in range(_MAX_FIELDS):
        key = _varint(stream)
        if key is None or key >> 3 == 0:
            return
        wire_type = key & 7
        number = _varint(stream) if wire_type in (0, 2) else _FIXED.get(wire_type)
        if number is None:
            return
        if wire_type == 0:
            yield key >> 3, number
            continue
        start = stream.tell()
        yield key >> 3, stream.read(min(number, _HEAD))
        if start + number >= end:
            return
        stream.seek(start + number)


def _varint(stream: BinaryIO) -> int | None:
    value = 0
    for shift in range(0, 64, 7):
        byte = stream.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None
