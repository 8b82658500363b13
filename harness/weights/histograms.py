"""A histogram of a stream of numbers whose range is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from harness.core.results import Histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import FloatArray

N_BINS = 64
# Ranges whose reciprocal and multiples stay normal float32 numbers.
_SAFE_RANGE = (1e-30, 1e30)


class LinearBins:
    """Counts in `N_BINS` equal bins from `low` to `high`.

    A number within float32 rounding of an edge may be counted in the bin beside the
    one that float64 would choose; totals are exact.

    Args:
        low: No number is smaller.
        high: No number is larger; a range of width 0 is widened by 0.5 each side, as
            in numpy.histogram, or by a thousandth of a large number.
    """

    def __init__(self, low: float, high: float) -> None:
        if low == high:
            margin = max(0.5, abs(low) * 1e-3)
            low, high = low - margin, high + margin
        self._low, self._high = low, high
        self._counts = np.zeros(N_BINS + 1, np.int64)

    def update(self, batch: FloatArray) -> None:
        """Take in a 1-D block of finite numbers."""
        width = self._high - self._low
        fine = _SAFE_RANGE[0] < width < _SAFE_RANGE[1]
        kind = batch.dtype if fine else np.dtype(np.float64)
        scaled = np.subtract(batch, kind.type(self._low), dtype=kind)
        np.multiply(scaled, kind.type(N_BINS / width), out=scaled)
        self._counts += _counted(scaled.astype(np.uint8))

    def merge(self, other: Self) -> None:
        """Take in the counts of bins of the same range."""
        self._counts += other._counts

    def result(self) -> Histogram:
        """Edges and counts."""
        counts = self._counts[:N_BINS].copy()
        # The last bin is closed: the largest number itself falls beyond it.
        counts[-1] += self._counts[N_BINS]
        edges = np.linspace(self._low, self._high, N_BINS + 1)
        return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))


def _counted(index: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Counts of 0 .. N_BINS, two neighbours at a time: bincount's time is per item."""
    pairs = index[: index.size & ~1].view(np.uint16)
    table = np.bincount(pairs, minlength=(N_BINS + 1) * 256)
    table = table.reshape(N_BINS + 1, 256)
    counts: NDArray[np.int64] = table.sum(axis=1) + table.sum(axis=0)[: N_BINS + 1]
    if index.size & 1:
        counts[index[-1]] += 1
    return counts
