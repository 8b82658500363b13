"""LevelDB's sorted tables, which TensorFlow's checkpoints keep their index in.

Format: tensorflow/core/lib/io/table_format.txt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.formats.crc32c import crc32c, unmasked
from harness.formats.malformed import Malformed
from harness.formats.wire import varint

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOOTER = 48
_MAGIC = bytes.fromhex("57fb808b247547db")
# After each block: how it is compressed, and a masked checksum.
_TRAILER = 5
_MAX_KEYS = 2_000_000


def entries(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of all blocks, in order.

    Raises:
        Malformed: The table is cut short, damaged or compressed.
    """
    if len(data) < _FOOTER or bytes(data[-len(_MAGIC) :]) != _MAGIC:
        raise Malformed("its index is cut short")
    footer = data[len(data) - _FOOTER :]
    about, at = _handle(footer, 0)
    _checked(data, *about)
    (offset, size), _ = _handle(footer, at)
    count = 0
    for _, handle in _block(data, offset, size):
        (start, length), _ = _handle(handle, 0)
        for entry in _block(data, start, length):
            count += 1
            if count > _MAX_KEYS:
                raise Malformed(f"it has more than {_MAX_KEYS:,} keys")
            yield entry


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(
    data: memoryview, start: int, size: int
) -> Iterator[tuple[bytes, memoryview]]:
    """Entries of one block: each key gives only what differs from the one before."""
    block = _checked(data, start, size)
    n_restarts = int.from_bytes(block[-4:], "little")
    end = size - 4 * (n_restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        own, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise Malformed("an entry of its index goes beyond its block")
        key = key[:shared] + bytes(block[at : at + own])
        yield key, block[at + own : at + own + length]
        at += own + length


def _checked(data: memoryview, start: int, size: int) -> memoryview:
    end = start + size
    if end + _TRAILER > len(data):
        raise Malformed("a block of its index goes beyond the end")
    stored = int.from_bytes(data[end + 1 : end + _TRAILER], "little")
    if crc32c(data[start : end + 1]) != unmasked(stored):
        raise Malformed("a block of its index has not the checksum that it should have")
    if data[end]:
        raise Malformed("its index is compressed, as no TensorFlow writes it")
    return data[start:end]
