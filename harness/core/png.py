"""Pictures as PNG (W3C, "Portable Network Graphics Specification", third edition)."""

from __future__ import annotations

import struct
import zlib
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Colour types by channels; a palette is one channel of its own kind.
_COLOURS = {1: 0, 3: 2}
_PALETTE = 3
_PLAIN, _SUB = 0, 1


def picture(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG of eight bits a channel.

    Args:
        width: In pixels.
        height: Likewise.
        pixels: Row by row, one byte a pixel (grey) or three (red, green, blue).
    """
    channels = len(pixels) // (width * height)
    rows = (_left_out(row, channels) for row in _rows(pixels, width * channels))
    return _file((width, height, _COLOURS[channels]), _SUB, rows)


def painted(
    width: int,
    height: int,
    pixels: bytes,
    palette: Sequence[tuple[int, int, int, int]],
) -> bytes:
    """A PNG whose pixels number the colours of a palette.

    Args:
        width: In pixels.
        height: Likewise.
        pixels: Row by row, the number of a colour each.
        palette: Red, green, blue and opacity of at most 256 colours.
    """
    colours = bytes(chain.from_iterable(colour[:3] for colour in palette))
    opacities = bytes(colour[3] for colour in palette)
    chunks = (_chunk(b"PLTE", colours), _chunk(b"tRNS", opacities))
    size = (width, height, _PALETTE)
    return _file(size, _PLAIN, _rows(pixels, width), b"".join(chunks))


def _file(
    size: tuple[int, int, int], filtered: int, rows: Iterable[bytes], more: bytes = b""
) -> bytes:
    width, height, colours = size
    head = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    data = b"".join(bytes((filtered,)) + row for row in rows)
    chunks = (
        _chunk(b"IHDR", head),
        more,
        _chunk(b"IDAT", zlib.compress(data, 9)),
        _chunk(b"IEND", b""),
    )
    return _SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _rows(pixels: bytes, width: int) -> Iterable[bytes]:
    return (pixels[at : at + width] for at in range(0, len(pixels), width))


def _left_out(row: bytes, channels: int) -> bytes:
    """Each byte less the same channel's to its left: what neighbours share is gone."""
    left = bytes(channels) + row
    return bytes((here - there) & 0xFF for here, there in zip(row, left, strict=False))
