"""A histogram of a stream of numbers whose range is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from harness.core.results import Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from harness.core.protocols import FloatArray

N_BINS = 64
# Ranges whose reciprocal and multiples stay normal float32 numbers.
_SAFE_RANGE = (1e-30, 1e30)


class LinearBins:
    """Counts in equal bins from `low` to `high`.

    A number within float32 rounding of an edge may be counted in the bin beside the
    one that float64 would choose; totals are exact.

    Args:
        low: No number is smaller.
        high: No number is larger; a range of width 0 is widened by 0.5 each side, as
            in numpy.histogram, or by a thousandth of a large number.
        n_bins: How many, at most 65535.
    """

    def __init__(self, low: float, high: float, n_bins: int = N_BINS) -> None:
        if low == high:
            margin = max(0.5, abs(low) * 1e-3)
            low, high = low - margin, high + margin
        self._low, self._high = low, high
        self._n_bins = n_bins
        self._counts = np.zeros(n_bins + 1, np.int64)

    def update(self, batch: FloatArray) -> None:
        """Take in a 1-D block of finite numbers."""
        width = self._high - self._low
        fine = _SAFE_RANGE[0] < width < _SAFE_RANGE[1]
        kind = batch.dtype if fine else np.dtype(np.float64)
        scaled = np.subtract(batch, kind.type(self._low), dtype=kind)
        np.multiply(scaled, kind.type(self._n_bins / width), out=scaled)
        if self._n_bins < 256:
            self._counts += count_bytes(scaled.astype(np.uint8), self._n_bins + 1)
            return
        index = scaled.astype(np.uint16)
        self._counts += np.bincount(index, minlength=self._n_bins + 1)

    def merge(self, other: Self) -> None:
        """Take in the counts of bins of the same range."""
        self._counts += other._counts

    def result(self, n_bins: int | None = None) -> Histogram:
        """Edges and counts; neighbours together, where fewer bins are asked for.

        Args:
            n_bins: A divisor of the bins that there are; None for all.
        """
        n_bins = n_bins or self._n_bins
        counts = self._closed().reshape(n_bins, -1).sum(axis=1)
        edges = np.linspace(self._low, self._high, n_bins + 1)
        return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))

    def quantiles(self, shares: Sequence[float]) -> FloatArray:
        """The values below which those shares lie, to within a bin's width."""
        edges = np.linspace(self._low, self._high, self._n_bins + 1)
        below = np.concatenate([[0], np.cumsum(self._closed())])
        # Only edges where something was counted since the one before.
        rising = np.concatenate([[True], np.diff(below) > 0])
        rising[:-1] |= rising[1:]
        ranks = np.asarray(shares) * below[-1]
        levels: FloatArray = np.interp(ranks, below[rising], edges[rising])
        return levels

    def _closed(self) -> NDArray[np.int64]:
        """Counts of the bins, the last one closed: what equals `high` falls beyond."""
        counts = self._counts[:-1].copy()
        counts[-1] += self._counts[-1]
        return counts


def count_bytes(index: NDArray[np.uint8], n: int) -> NDArray[np.int64]:
    """Counts of 0 .. n - 1, two neighbours at a time: bincount's time is per item.

    Args:
        index: Shape (items,), each smaller than `n`.
        n: At most 256.
    """
    pairs = index[: index.size & ~1].view(np.uint16)
    table = np.bincount(pairs, minlength=n * 256).reshape(-1, 256)
    table = np.pad(table, ((0, 256 - len(table)), (0, 0)))
    counts: NDArray[np.int64] = (table.sum(axis=1) + table.sum(axis=0))[:n]
    if index.size & 1:
        counts[index[-1]] += 1
    return counts
