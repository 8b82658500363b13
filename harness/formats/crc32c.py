"""CRC-32C (Castagnoli, RFC 3720 appendix B.4) of large blocks, by numpy.

A block is folded in halves: the first half, moved forward by the length of the second,
is added to it. Moving is linear over GF(2), so that two tables a length do it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_ONES = 0xFFFF_FFFF
# What fills an empty register with ones, as the sum begins: the ones, 32 steps back.
_BEGIN = np.frombuffer((0x641F6454).to_bytes(4, "little"), np.uint8)
# Words of the largest block: 2 to this power.
_LEVELS = 16
# tensorflow/core/lib/hash/crc32c.h
_MASK_DELTA = 0xA282EAD8


def crc32c(data: memoryview) -> int:
    """The checksum of some bytes."""
    n = len(data) + len(_BEGIN)
    level = min(_LEVELS, ((n - 1) // 4).bit_length())
    size = 4 << level
    first = (n % size or size) - len(_BEGIN)
    if first < 0:
        first += size
        size *= 2
    # Zeros before the first byte leave an empty register empty.
    start = np.zeros(size, np.uint8)
    end = size - first
    start[end - len(_BEGIN) : end] = _BEGIN
    start[end:] = np.frombuffer(data[:first], np.uint8)
    words = _folded(start.view("<u4").astype(np.uint32), 1 << level)
    step = 4 << level
    for at in range(first, len(data), step):
        block = np.frombuffer(data[at : at + step], "<u4")
        words = _moved(words, level) ^ block
    return int(_moved(_folded(words, 1), 0)[0]) ^ _ONES


def unmasked(value: int) -> int:
    """The checksum that a masked one, as TensorFlow stores it, stands for."""
    turned = (value - _MASK_DELTA) & _ONES
    return (turned >> 17 | turned << 15) & _ONES


def _folded(words: NDArray[np.uint32], size: int) -> NDArray[np.uint32]:
    """Words, a power of two of them, as `size` words with the same checksum."""
    while len(words) > size:
        half = len(words) // 2
        words = _moved(words[:half], half.bit_length() - 1) ^ words[half:]
    return words


def _moved(words: NDArray[np.uint32], level: int) -> NDArray[np.uint32]:
    """Registers after 2**level words of zeros."""
    low, high = _tables(level)
    moved: NDArray[np.uint32] = low[words & 0xFFFF] ^ high[words >> 16]
    return moved


@cache
def _tables(level: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """What the lower and the upper 16 bits of a register become."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    if level:
        images = _moved(_moved(bits, level - 1), level - 1)
    else:
        images = np.array([_stepped(int(bit)) for bit in bits], np.uint32)
    return _spread(images[:16]), _spread(images[16:])


def _stepped(register: int) -> int:
    """A register after a word of zeros, bit by bit."""
    for _ in range(32):
        register = register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)
    return register


def _spread(images: NDArray[np.uint32]) -> NDArray[np.uint32]:
    table = np.zeros(1, np.uint32)
    for image in images:
        table = np.concatenate([table, table ^ image])
    return table
