"""FlatBuffers read without their schemas; each read is checked against the end.

Encoding: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from harness.formats.malformed import Malformed, OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tables that may be visited: tables may point to one another as they like.
_MAX_TABLES = 2_000_000
_MAX_NUMBERS = 16_000_000


class _Buffer:
    """The bytes, and how many more tables may be read from them."""

    __slots__ = ("data", "left")

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.left = _MAX_TABLES

    def read(self, code: str, at: int) -> int | float:
        try:
            value: int | float = struct.unpack_from(f"<{code}", self.data, at)[0]
        except struct.error as error:
            raise Malformed(f"an offset leads to {at:,}, beyond the end") from error
        return value

    def offset(self, at: int) -> int:
        """Where the reference at `at` leads: forward, so that it never ends in -1."""
        return at + int(self.read("I", at))

    def table(self, at: int) -> Table:
        self.left -= 1
        if self.left < 0:
            raise OutOfBounds(f"it has more than {_MAX_TABLES:,} parts")
        return Table(self, at)


class Table:
    """A table by the positions of its fields; a field that is not there is empty."""

    __slots__ = ("_at", "_buffer", "_slots", "_vtable")

    def __init__(self, buffer: _Buffer, at: int) -> None:
        self._buffer = buffer
        self._at = at
        self._vtable = at - int(buffer.read("i", at))
        if self._vtable < 0:
            raise Malformed(f"the table at {at:,} has its layout before the start")
        self._slots = (int(buffer.read("H", self._vtable)) - 4) // 2

    def number(self, slot: int, code: str, default: float = 0) -> int | float:
        """A number of a `struct` code."""
        at = self._field(slot)
        return default if at is None else self._buffer.read(code, at)

    def integer(self, slot: int, code: str, default: int = 0) -> int:
        """A whole number of a `struct` code."""
        return int(self.number(slot, code, default))

    def text(self, slot: int) -> str:
        """A text."""
        at = self._field(slot)
        return "" if at is None else self._text(self._buffer.offset(at))

    def texts(self, slot: int) -> list[str]:
        """A vector of texts."""
        return [self._text(self._buffer.offset(at)) for at in self._items(slot, 4)]

    def table(self, slot: int) -> Table | None:
        """A table."""
        at = self._field(slot)
        return None if at is None else self._buffer.table(self._buffer.offset(at))

    def tables(self, slot: int) -> Iterator[Table]:
        """A vector of tables."""
        for at in self._items(slot, 4):
            yield self._buffer.table(self._buffer.offset(at))

    def numbers(self, slot: int, code: str) -> list[int | float]:
        """A vector of numbers of a `struct` code."""
        return [
            self._buffer.read(code, at)
            for at in self._items(slot, struct.calcsize(code))
        ]

    def integers(self, slot: int, code: str) -> list[int]:
        """A vector of whole numbers of a `struct` code."""
        return [int(value) for value in self.numbers(slot, code)]

    def block(self, slot: int) -> memoryview:
        """A vector of bytes."""
        items = self.place(slot)
        return self._buffer.data[items.start : items.stop]

    def place(self, slot: int) -> range:
        """Where a vector of bytes lies in the file."""
        return self._items(slot, 1)

    def _field(self, slot: int) -> int | None:
        if slot >= self._slots:
            return None
        relative = int(self._buffer.read("H", self._vtable + 4 + 2 * slot))
        return self._at + relative if relative else None

    def _items(self, slot: int, width: int) -> range:
        """Positions of a vector's items."""
        at = self._field(slot)
        if at is None:
            return range(0)
        start = self._buffer.offset(at)
        count = int(self._buffer.read("I", start))
        end = start + 4 + count * width
        if end > len(self._buffer.data) or (count > _MAX_NUMBERS and width > 1):
            raise Malformed(f"a vector of {count:,} items goes beyond the end")
        return range(start + 4, end, width)

    def _text(self, at: int) -> str:
        length = int(self._buffer.read("I", at))
        if at + 4 + length > len(self._buffer.data):
            raise Malformed(f"a text of {length:,} bytes goes beyond the end")
        return bytes(self._buffer.data[at + 4 : at + 4 + length]).decode(
            errors="replace"
        )


def root(data: memoryview) -> Table:
    """The table that a file begins with.

    Raises:
        Malformed: The file is too short for one.
    """
    buffer = _Buffer(data)
    return buffer.table(buffer.offset(0))
