"""Lines of numbers in hexadecimal digits: counted in one pass, read when asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.formats.malformed import Malformed
from harness.weights.readers.byte_order import check_byte_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.core.protocols import Array, FloatArray

_PIECE = 1 << 22
# Digits and the space behind them: a piece never ends inside of a number.
_LONGEST = 64
# Where name, type and length of a line stand; no exporter's names are longer.
_HEAD = 4096
_MAX_TENSORS = 1_000_000
_TYPES = {b"0": "float32", b"1": "float16"}
_STORED: Mapping[str, np.dtype[np.floating[Any]]] = {
    "float32": np.dtype(">f4"),
    "float16": np.dtype(">f2"),
}
_START = re.compile(
    rb"[ \t]*(\S+)[ \t]+(\d{1,12})(?![^\s])([ \t]+(\d{1,12})(?![^\s]))?"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One tensor of a dump.

    Attributes:
        name: Its name.
        n: Its numbers.
        dtype: "float32" or "float16".
        text: Their digits.
    """

    name: str
    n: int
    dtype: str
    text: memoryview

    def numbers(self) -> FloatArray:
        """All numbers, in the machine's byte order; shape (n,).

        Raises:
            Malformed: They are no hexadecimal numbers, or little-endian.
        """
        stored = _STORED[self.dtype]
        values = np.empty(self.n, stored.newbyteorder("="))
        at = 0
        for piece in _pieces(self.text):
            found = _decoded(piece, stored)
            values[at : at + found.size] = found
            at += found.size
            check_byte_order(found)
        return values

    def first(self, n: int) -> FloatArray:
        """At most `n`; raises Malformed where they are not hexadecimal."""
        stored = _STORED[self.dtype]
        text = self.text[: n * (2 * stored.itemsize + 1)]
        whole = bytes(text).split()[: None if len(text) == len(self.text) else -1]
        return _decoded(b" ".join(whole), stored)


def lines_of(data: memoryview) -> list[Line]:
    """All tensors of a dump.

    Raises:
        Malformed: The count is not that of the lines, or a line has more or fewer
            numbers than it tells.
    """
    bounds = _bounds(data)
    start, end = next(bounds, (0, 0))
    declared = bytes(data[start : min(end, start + 64)]).strip()
    if not declared.isdigit():
        raise Malformed("its first line is no count")
    found = [_line(data[start:end], ended=end < len(data)) for start, end in bounds]
    if len(found) != int(declared):
        raise Malformed(f"it tells of {int(declared):,} tensors and has {len(found):,}")
    return found


def _bounds(data: memoryview) -> Iterator[tuple[int, int]]:
    """Where each line that is not empty begins and ends."""
    start, n = 0, 0
    while start < len(data):
        end = _end_of_line(data, start)
        if bytes(data[start : min(end, start + _HEAD)]).strip():
            n += 1
            if n > _MAX_TENSORS:
                raise Malformed(f"it has more than {_MAX_TENSORS:,} lines")
            yield start, end
        start = end + 1


def _end_of_line(data: memoryview, start: int) -> int:
    at, size = start, _HEAD
    while at < len(data):
        found = bytes(data[at : at + size]).find(b"\n")
        if found >= 0:
            return at + found
        at, size = at + size, min(2 * size, _PIECE)
    return len(data)


def _line(line: memoryview, *, ended: bool) -> Line:
    start = _START.match(bytes(line[:_HEAD]))
    if start is None:
        shown = bytes(line[:40]).decode(errors="replace")
        raise Malformed(f"the line {shown!r} is no name with a length")
    name = start[1].decode(errors="replace")
    text, n = line[start.end(2) :], int(start[2])
    held = _n_words(text)
    dtype: str | None = "float32"
    if held != n and start[4] and held == int(start[4]) + 1:
        text, n, dtype = line[start.end(4) :], int(start[4]), _TYPES.get(start[2])
        held -= 1
    if dtype is None:
        raise Malformed(f"tensor {name!r} is of type {start[2].decode()}, not 0 or 1")
    if held != n:
        raise Malformed(f"tensor {name!r} tells of {n:,} numbers and has {held:,}")
    digits = bytes(text[-_LONGEST:]).split()
    if n and not ended and len(digits[-1]) < 2 * _STORED[dtype].itemsize:
        raise Malformed(f"the last number of tensor {name!r} is cut short")
    return Line(name, n, dtype, text)


def _n_words(text: memoryview) -> int:
    count, before = 0, True
    for at in range(0, len(text), _PIECE):
        blank = np.frombuffer(text[at : at + _PIECE], np.uint8) <= ord(" ")
        count += int(np.count_nonzero(blank[:-1] & ~blank[1:]))
        count += int(before and not blank[0])
        before = bool(blank[-1])
    return count


def _pieces(text: memoryview) -> Iterator[bytes]:
    """The text in pieces that end between numbers."""
    at = 0
    while at < len(text):
        piece = bytes(text[at : at + _PIECE])
        if at + len(piece) < len(text):
            blank = max(piece.rfind(c, len(piece) - _LONGEST) for c in (b" ", b"\t"))
            if blank < 0:
                raise Malformed("a number in it does not end")
            piece = piece[: blank + 1]
        yield piece
        at += len(piece)


def _decoded(piece: bytes, stored: np.dtype[np.floating[Any]]) -> Array:
    width = 2 * stored.itemsize
    digits = piece.strip()
    if not _is_even(digits, width):
        words = digits.split()
        # Programs in C++ leave zeros in front away.
        digits = b"".join(word.rjust(width, b"0") for word in words)
        if len(digits) != width * len(words):
            raise Malformed(f"a number in it has more than {width} hexadecimal digits")
    try:
        return np.frombuffer(bytes.fromhex(digits.decode("ascii")), stored)
    except ValueError as error:
        raise Malformed(f"its numbers are not in hexadecimal: {error}") from error


def _is_even(text: bytes, width: int) -> bool:
    """Whether each word has all its digits, and one blank behind it."""
    if (len(text) + 1) % (width + 1):
        return False
    blank = np.frombuffer(text + b" ", np.uint8).reshape(-1, width + 1) <= ord(" ")
    return bool(blank[:, width].all()) and np.count_nonzero(blank) == len(blank)
