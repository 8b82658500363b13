"""Protobuf messages read without their schemas, field by field, nothing copied.

Encoding: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.formats.malformed import Malformed, OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# More than any exporter writes: nodes of a graph are the most frequent.
_MAX_FIELDS = 2_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Message:
    """A message by its field numbers; a field that is not there reads as empty.

    Args:
        data: All of its bytes.

    Raises:
        Malformed: They are no message, or one of more than two million fields.
    """

    __slots__ = ("_blocks", "_numbers")

    def __init__(self, data: memoryview) -> None:
        self._numbers: dict[int, list[int]] = defaultdict(list)
        self._blocks: dict[int, list[memoryview]] = defaultdict(list)
        for count, (number, value) in enumerate(fields(data)):
            if count == _MAX_FIELDS:
                raise OutOfBounds(f"a message has more than {_MAX_FIELDS:,} fields")
            if isinstance(value, int):
                self._numbers[number].append(value)
            else:
                self._blocks[number].append(value)

    def has(self, number: int) -> bool:
        """Whether the field is there."""
        return number in self._numbers or number in self._blocks

    def numbered(self, start: int) -> list[int]:
        """Numbers of the fields with bytes, from `start` on."""
        return sorted(number for number in self._blocks if number >= start)

    def integer(self, number: int, default: int = 0) -> int:
        """The last value of a varint field, as a signed number of 64 bits."""
        values = self._numbers.get(number)
        return _signed(values[-1]) if values else default

    def integers(self, number: int) -> list[int]:
        """All values of a repeated varint field, packed or not."""
        values = list(self._numbers.get(number, ()))
        for block in self._blocks.get(number, ()):
            values.extend(_packed(block))
        return [_signed(value) for value in values]

    def blocks(self, number: int) -> list[memoryview]:
        """All values of a field of bytes."""
        return self._blocks.get(number, [])

    def text(self, number: int) -> str:
        """The last value of a text field."""
        return (self.texts(number) or [""])[-1]

    def texts(self, number: int) -> list[str]:
        """All values of a repeated text field."""
        return [bytes(block).decode(errors="replace") for block in self.blocks(number)]

    def message(self, number: int) -> Message:
        """The last message of a field; an empty one where there is none."""
        blocks = self.blocks(number)
        return Message(blocks[-1] if blocks else memoryview(b""))

    def messages(self, number: int) -> Iterator[Message]:
        """All messages of a repeated field."""
        return map(Message, self.blocks(number))

    def entries(self, number: int) -> Iterator[tuple[str, Message]]:
        """Keys and messages of a map field."""
        for entry in self.messages(number):
            yield entry.text(1), entry.message(2)


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """A file's bytes, read as they are looked at.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        if not path.stat().st_size:
            yield memoryview(b"")
            return
        # Views into the map may outlive the body; it is freed with the last one.
        yield memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at a position, and the position after it.

    Raises:
        Malformed: It does not end.
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise Malformed("a number is cut short")


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Numbers and values of a message's fields, in the order of the file.

    Raises:
        Malformed: One is cut short, or of a wire type that is no more in use.
    """
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = varint(data, at)
            yield key >> 3, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(kind, 0)
        if kind == _BYTES:
            length, at = varint(data, at)
        elif not length:
            raise Malformed(f"field {key >> 3} has the unknown wire type {kind}")
        if at + length > len(data):
            raise Malformed(f"field {key >> 3} goes beyond the end")
        yield key >> 3, data[at : at + length]
        at += length


def _packed(block: memoryview) -> Iterator[int]:
    at = 0
    while at < len(block):
        value, at = varint(block, at)
        yield value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
