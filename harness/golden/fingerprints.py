"""Eight bytes a sample: which samples are the same, whatever their number."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, Arrays, IntArray

    HashArray = NDArray[np.uint64]

_BYTES = 8
# Words a block: what is mixed at a time stays in the second-level cache.
_BLOCK = 1 << 15


def row_hashes(arrays: Arrays) -> IntArray:
    """A hash of each sample over the values of all arrays, shape (n,), uint64.

    Equal samples have equal hashes. Among n others, two agree by chance with
    probability n**2 / 2**65: 3e-8 for a million. No hash for adversaries: who can
    choose golden samples can copy them.

    Args:
        arrays: Samples along axis 0; at least one array.
    """
    count = len(next(iter(arrays.values())))
    found = np.zeros(count, np.uint64)
    for name in sorted(arrays):
        array = arrays[name]
        own = _of_texts(array) if array.dtype.kind == "U" else _of_numbers(array)
        found = _mixed(found ^ own ^ _of_name(name, array))
    return found


def text_hashes(texts: Array) -> IntArray:
    """A hash of each word, shape (n,), uint64."""
    return row_hashes({"": texts})


def _of_name(name: str, array: Array) -> np.uint64:
    """What an array's bytes mean; text is as wide as its chunk's longest word."""
    dtype = "U" if array.dtype.kind == "U" else array.dtype.str
    head = f"{name}\0{dtype}\0{array.shape[1:]}".encode()
    return np.uint64(int.from_bytes(sha256(head).digest()[:_BYTES], "little"))


def _of_texts(array: Array) -> HashArray:
    rows = array.reshape(len(array), -1).tolist()
    raw = b"".join(_digest(words) for words in rows)
    return np.frombuffer(raw, "<u8").astype(np.uint64)


def _digest(words: list[str]) -> bytes:
    text = "\0".join(words).encode("utf-8", "surrogatepass")
    return sha256(text).digest()[:_BYTES]


def _of_numbers(array: Array) -> HashArray:
    """A sum of mixed words, each times a number of its place: all rows at once."""
    words = _words(array)
    found = np.zeros(len(words), np.uint64)
    if not words.shape[1]:
        return found
    factors = _factors(words.shape[1])
    step = max(1, _BLOCK // words.shape[1])
    for start in range(0, len(words), step):
        block = words[start : start + step]
        # High bits alone would stay high in a product, and two of them cancel.
        block = (block ^ (block >> np.uint64(29))) * factors
        block ^= block >> np.uint64(32)
        found[start : start + step] = (block * factors).sum(axis=1, dtype=np.uint64)
    return found


def _words(array: Array) -> HashArray:
    """The bytes of each row as words of eight, filled up with zeros."""
    rows = np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8)
    spare = -rows.shape[1] % _BYTES
    if spare:
        rows = np.pad(rows, ((0, 0), (0, spare)))
    words: HashArray = rows.view("<u8").astype(np.uint64, copy=False)
    return words


@lru_cache(maxsize=8)
def _factors(n: int) -> HashArray:
    """Odd numbers, the same in every run."""
    random = np.random.default_rng(0x5EED)
    return random.integers(0, 1 << 64, n, np.uint64) | np.uint64(1)


def _mixed(values: HashArray) -> HashArray:
    """The finalizer of splitmix64: every bit of the result hangs on all of them."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
