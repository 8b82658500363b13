"""How often each magnitude occurs: counts by the top 16 bits of each float32.

Those bits are the sign, the exponent and the first 7 bits of the mantissa: 128 buckets
an octave, 0.8 % wide at most, of either sign. No range need be known beforehand, counts
are exact whatever their size, and two tensors' counts are of the same buckets.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

import numpy as np

from harness.core.results import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from harness.core.protocols import Array, FloatArray

    Counts = NDArray[np.int64]

# Keys of either sign: 0 is 0 (and below 2**-133), from _INFINITE on not finite.
_SIGN = 0x8000
_INFINITE = 0x7F80
_N_KEYS = 1 << 16
_OCTAVE = 128
N_BUCKETS = 2 * _INFINITE - 1
ZERO_BUCKET = _INFINITE - 1
# Which half of a float32 its upper one is.
_UPPER = 1 if sys.byteorder == "little" else 0
# So few elements are counted sooner one by one than in a table of all keys.
_FEW = 1 << 12
# From so many on, scipy is worth its import.
_MANY = 1 << 17


@cache
def bucket_edges() -> FloatArray:
    """The rising edges of all buckets, shape (`N_BUCKETS` + 1,), float64.

    Bucket `ZERO_BUCKET`, between -2**-133 and 2**-133, stands for 0. A positive bucket
    holds its lower edge, a negative one its upper edge.
    """
    keys = np.arange(1, _INFINITE, dtype=np.uint32)
    positive = (keys << 16).view(np.float32).astype(np.float64)
    positive = np.append(positive, 2.0**128)
    edges = np.concatenate([-positive[::-1], positive])
    edges.setflags(write=False)
    return edges


class MagnitudeCounts:
    """Streaming `Magnitudes` of float blocks of any shape.

    A float64 beyond float32 counts as infinite.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_N_KEYS, np.int64)
        self._counter = KeyCounter()

    def update(self, batch: Array) -> None:
        """Take in a block."""
        with np.errstate(over="ignore", invalid="ignore"):
            single = np.ascontiguousarray(batch, np.float32).reshape(-1)
        if single.size >= _MANY:
            self._counts += self._counter.count(single)
        elif single.size > _FEW:
            self._counts += np.bincount(_keys(single), minlength=_N_KEYS)
        else:
            found, n = np.unique(_keys(single), return_counts=True)
            self._counts[found] += n

    def add(self, counts: Counts) -> None:
        """Take in counts by key, shape (65536,)."""
        self._counts += counts

    def merge(self, other: Self) -> None:
        """Take in all that `other` has seen."""
        self._counts += other._counts

    def octaves(self) -> Histogram | None:
        """Counts by sign and power of two; None where no element but 0 is finite.

        Rising edges -2**b .. -2**a, 2**a .. 2**b of equal length on both sides; the
        bin in the middle holds the zeros. Negative bins are closed above, positive
        ones below; the lowest pair may be that of float32's subnormal numbers, all of
        them from 2**-127 on.
        """
        positive, negative = self._counts.reshape(2, -1, _OCTAVE).sum(axis=2)[:, :-1]
        zeros = int(self._counts[0] + self._counts[_SIGN])
        positive[0] -= self._counts[0]
        negative[0] -= self._counts[_SIGN]
        (used,) = np.nonzero(negative + positive)
        if not used.size:
            return None
        kept = slice(used[0], used[-1] + 1)
        powers = np.exp2(np.arange(used[0] - 127.0, used[-1] - 125.0))
        edges = (*(-powers[::-1]).tolist(), *powers.tolist())
        counts = (*negative[kept][::-1].tolist(), zeros, *positive[kept].tolist())
        return Histogram(edges, counts)

    def result(self) -> Magnitudes:
        """The magnitudes of all that was seen."""
        positive, negative = self._counts[:_SIGN], self._counts[_SIGN:]
        zeros = positive[:1] + negative[:1]
        rising = (negative[_INFINITE - 1 : 0 : -1], zeros, positive[1:_INFINITE])
        n_infinite = int(positive[_INFINITE] + negative[_INFINITE])
        counts = np.concatenate(rising)
        return Magnitudes(counts, int(self._counts.sum()), n_infinite)


@dataclass(frozen=True, slots=True, eq=False)
class Magnitudes:
    """What `MagnitudeCounts` found.

    What lies between a bucket's edges is taken as spread evenly: positions are off by
    less than the bucket's width, 1/128 of the value, and only within that bucket.

    Attributes:
        counts: Elements in each bucket, rising, shape (`N_BUCKETS`,).
        n: Elements, those that are not finite among them.
        n_infinite: Infinite elements; a NaN made by hand, all of whose payload is in
            the low 16 bits, counts among them.
    """

    counts: Counts
    n: int
    n_infinite: int

    @property
    def n_finite(self) -> int:
        """Elements that are neither NaN nor infinite."""
        return int(self.counts.sum())

    @property
    def values(self) -> FloatArray:
        """The middle of each bucket, rising, shape (`N_BUCKETS`,); 0 for zeros."""
        edges = bucket_edges()
        return edges[:-1] / 2 + edges[1:] / 2

    def count_below(self, limits: Array | Sequence[float]) -> FloatArray:
        """Finite elements smaller than each limit; whole at edges of buckets."""
        x = np.asarray(limits, np.float64)
        edges, before = bucket_edges(), self._before()
        at = np.clip(np.searchsorted(edges, x, "right") - 1, 0, N_BUCKETS - 1)
        inside = np.clip((x - edges[at]) / (edges[at + 1] - edges[at]), 0, 1)
        # Zeros are not spread: they are below a limit or they are not.
        inside = np.where(at == ZERO_BUCKET, x > 0, inside)
        found: FloatArray = before[at] + inside * self.counts[at]
        return found

    def quantiles(self, shares: Sequence[float]) -> FloatArray:
        """The value below which each share of the finite elements lies.

        Within a bucket elements are taken as evenly spaced.

        Raises:
            ValueError: No element is finite.
        """
        if not self.n_finite:
            raise ValueError("no finite element: there are no quantiles")
        before, edges = self._before(), bucket_edges()
        rank = np.asarray(shares, np.float64) * (self.n_finite - 1)
        at = np.searchsorted(before, rank, "right") - 1
        inside = (rank - before[at] + 0.5) / self.counts[at]
        inside = np.clip(inside, 0, 1)
        found = edges[at] + inside * (edges[at + 1] - edges[at])
        return np.where(at == ZERO_BUCKET, 0.0, found)

    def histogram(self, low: float, high: float, n_bins: int) -> Histogram:
        """Counts in equal bins from `low` to `high`.

        They are whole numbers. An edge in the middle of a bucket divides that
        bucket's elements in proportion; but where `low` lies in the first bucket that
        holds any, or `high` in the last one, all of that bucket counts: from the
        smallest element to the largest nothing is missing.
        """
        edges = np.linspace(low, high, n_bins + 1)
        below = np.rint(self.count_below(edges)).astype(np.int64)
        (used,) = np.nonzero(self.counts)
        if used.size:
            bounds = bucket_edges()
            if low <= bounds[used[0] + 1]:
                below[0] = 0
            if high >= bounds[used[-1]]:
                below[-1] = self.n_finite
        counts = np.diff(below)
        return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))

    def _before(self) -> Counts:
        """Elements below each bucket, shape (`N_BUCKETS` + 1,)."""
        before = np.zeros(N_BUCKETS + 1, np.int64)
        np.cumsum(self.counts, out=before[1:])
        return before


def _keys(values: FloatArray) -> NDArray[np.uint16]:
    return values.view(np.uint16)[_UPPER::2]


class KeyCounter:
    """Counts the keys of many elements, in memory of its own.

    A sparse row holds a one at each element's key; made dense, it holds their sums.
    That takes a third of the time of `np.bincount`, which widens keys and first looks
    for the largest.
    """

    def __init__(self) -> None:
        self._keys = np.empty(0, np.int32)
        self._ones = np.empty(0, np.int64)

    def count(self, values: FloatArray) -> Counts:
        """How often each key occurs, shape (65536,).

        Args:
            values: Shape (n,), float32.
        """
        # Takes a while to import, and small files do not need it.
        from scipy.sparse import csr_array

        n = values.size
        if self._keys.size < n:
            self._keys, self._ones = np.empty(n, np.int32), np.ones(n, np.int64)
        keys = self._keys[:n]
        np.right_shift(values.view(np.uint32), 16, out=keys.view(np.uint32))
        # Of the type of the keys, or they would be copied.
        ends = np.array([0, n], np.int32)
        row = csr_array((self._ones[:n], keys, ends), shape=(1, _N_KEYS))
        counts: Counts = row.toarray()[0]
        return counts
