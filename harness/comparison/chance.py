"""Samples put into buckets by chance: by their number or group, never by their order.

What is added up a bucket can be resampled by whole buckets: buckets of independent
samples are independent and alike, and a group never falls into two of them. So much
memory bounds an interval over any number of samples, all of them counted.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, IntArray

    HashArray = NDArray[np.uint64]

BUCKETS = 256
_SEED = np.uint64(0x51_1C_E5)


def hashes(samples: IntArray) -> HashArray:
    """A number for each sample that looks drawn by chance and is always the same.

    The finalizer of splitmix64 (Steele, Lea and Flood 2014, "Fast splittable
    pseudorandom number generators", OOPSLA).

    Args:
        samples: Sample indices, shape (n,).
    """
    mixed = samples.astype(np.uint64) + _SEED
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def buckets_of(
    samples: IntArray, groups: Array | None = None, n: int = BUCKETS
) -> IntArray:
    """The bucket of each sample, shape (n,), in [0, `n`).

    Args:
        samples: Sample indices.
        groups: What depends on each other has one of these; None where samples stand
            alone.
        n: Buckets.
    """
    found = hashes(samples) if groups is None else _group_hashes(groups)
    return (found % np.uint64(n)).astype(np.int64)


def _group_hashes(groups: Array) -> HashArray:
    names, places = np.unique(groups.astype(str), return_inverse=True)
    digests = [hashlib.blake2b(str(g).encode(), digest_size=8).digest() for g in names]
    return np.array([int.from_bytes(d, "big") for d in digests], np.uint64)[places]
