"""How many errors lie in which decade, in a few comparisons a block."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from harness.core.results import Histogram

if TYPE_CHECKING:
    from harness.core.protocols import Array, FloatArray, IntArray

_LOWEST = -12
_DECADES = [float(f"1e{power}") for power in range(_LOWEST, 309)]
_LAST = float(np.finfo(np.float64).max)


class DecadeCounter:
    """Counts of magnitudes by decade; what lies under 1e-12 counts as 0."""

    def __init__(self) -> None:
        self._counts: IntArray = np.zeros(len(_DECADES) + 1, dtype=np.int64)

    def update(self, magnitudes: FloatArray, peak: float, mask: Array) -> None:
        """Take in magnitudes.

        Sorting numbers into bins costs ten times a comparison, and errors mostly
        fill few decades. So this counts what reaches the peak's decade, then the
        next lower one, until all that is not 0 was counted.

        Args:
            magnitudes: Finite, not negative, shape (n,).
            peak: The largest of them.
            mask: Scratch of bool, shape (n,).
        """
        reached = 0
        top = bisect_right(_DECADES, peak)
        edges = _edges(magnitudes.dtype)
        if top:
            nonzero = np.count_nonzero(np.greater(magnitudes, 0, out=mask))
        for index in range(top, 0, -1):
            above = np.greater_equal(magnitudes, edges[index - 1], out=mask)
            count = int(np.count_nonzero(above))
            self._counts[index] += count - reached
            reached = count
            if reached == nonzero:
                break
        self._counts[0] += magnitudes.size - reached

    def discount_zeros(self, n: int) -> None:
        """Take `n` zeros out again that stood for pairs without a difference."""
        self._counts[0] -= n

    def merge(self, other: DecadeCounter) -> None:
        """Take in all that another counter has seen."""
        self._counts += other._counts

    def result(self) -> Histogram:
        """First bin from 0, then the decades from the lowest to the highest in use."""
        used = np.flatnonzero(self._counts[1:])
        if not used.size:
            return Histogram((0.0, _DECADES[0]), (int(self._counts[0]),))
        low, high = int(used[0]), int(used[-1])
        edges = _DECADES[low : high + 2]
        if high + 1 == len(_DECADES):
            edges.append(_LAST)
        counts = [int(self._counts[0]), *self._counts[low + 1 : high + 2].tolist()]
        return Histogram((0.0, *edges), tuple(counts))


@cache
def _edges(dtype: np.dtype[np.floating]) -> list[np.floating]:
    """The least number of `dtype` in each decade: rounding must not move an edge."""
    # Decades beyond the dtype become infinite; no finite peak reaches them.
    with np.errstate(over="ignore"):
        rounded = np.array(_DECADES).astype(dtype)
        up = np.nextafter(rounded, dtype.type(np.inf))
    return list(np.where(rounded.astype(np.float64) < _DECADES, up, rounded))
