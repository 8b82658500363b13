"""Where the level of a series moved: exact optimal partitioning, noise told apart.

The partition that minimises the sum of its segments' costs plus a penalty a change is
found exactly by dynamic programming over the end of the last segment: B. Jackson et
al., "An algorithm for optimal partitioning of data on an interval", IEEE Signal
Processing Letters 12 (2005); R. Killick, P. Fearnhead, I. Eckley, "Optimal detection
of changepoints with a linear computational cost", JASA 107 (2012), whose pruning a few
hundred nights do not need.

Two kinds of series need two costs:

- **Numbers with noise.** ``sum (x - mean)^2 / sigma^2``, the likelihood of normal noise
  of a known sigma; a change costs ``4 log n (1 + 4.5 / sqrt n)^2``. Yao's criterion
  ("Estimating the number of change-points via Schwarz' criterion", Statistics &
  Probability Letters 6, 1988) is 2 log n; twice that, and sigma taken at the upper end
  of its own uncertainty, is what invents none over many series and many nights.
- **Numbers that repeat to the last bit.** The runs that differ from the segment's most
  frequent value are counted. Coding one of these takes ``log((1 - q) / q)`` nats where
  a share q of runs are lone strays, a change ``2 log n`` as above: their ratio is
  the penalty. Without strays it is 3/4: a step counts at once, a lone stray never.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.core.protocols import FloatArray

    Costs: TypeAlias = Callable[[int], FloatArray]
    """``costs(end)``: cost of the segments [start, end), for start in 0..end - 1."""

# MAD -> sigma of normal noise; a difference of two has twice the variance.
_SIGMA = 1.4826 / math.sqrt(2)
# A level of noisy numbers is one once it has held for so many runs.
_SHORTEST = 3
# Fewer do not tell their noise; sigma's own uncertainty falls with their root.
_ENOUGH = 16
_DOUBT = 4.5
_SPIKE = 5.0
_CERTAIN = 0.75


def repeats(values: FloatArray) -> bool:
    """Whether the numbers repeat to the last bit, as far as their neighbours tell.

    Half of them are equal; of a few runs three quarters, since small counts coincide.
    """
    told = _told(values)
    equal = sum(here == there for here, there in pairwise(told))
    share = 0.5 if len(told) >= _ENOUGH else 0.75
    return equal > 0 and equal >= share * (len(told) - 1)


def noise(values: FloatArray) -> float:
    """Standard deviation of normal noise around a level that rarely moves.

    Robust to the moves: from the median absolute deviation of first differences. 0 for
    numbers that repeat, and for too few to tell.

    Args:
        values: Shape (n,).
    """
    if len(values) < _ENOUGH or repeats(values):
        return 0.0
    steps = np.diff(values)
    return float(_SIGMA * np.median(np.abs(steps - np.median(steps))))


def changes(values: FloatArray, least_noise: float = 0.0) -> list[int]:
    """Indices at which a new level begins, rising; 0 is not among them.

    Args:
        values: Shape (n,), finite, on a scale on which noise is the same everywhere.
        least_noise: Least standard deviation of a series that has noise at all.
    """
    if repeats(values):
        return _repeating(values)
    sigma = max(noise(values), least_noise)
    # A straight line has steps without deviation, and no level either.
    return _noisy(values, sigma) if len(values) >= _ENOUGH and sigma > 0 else []


def partition(costs: Costs, n: int, penalty: float, shortest: int = 1) -> list[int]:
    """Starts of all segments but the first, of the partition that costs least.

    Args:
        costs: Costs of segments by their end.
        n: Length of the series.
        penalty: Cost of a change.
        shortest: Least length of a segment.
    """
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    begin = np.zeros(n + 1, np.int64)
    for end in range(shortest, n + 1):
        starts = end - shortest + 1
        total = best[:starts] + costs(end)[:starts] + penalty
        begin[end] = np.argmin(total)
        best[end] = total[begin[end]]
    found = []
    end = n if n >= shortest else 0
    while end and begin[end]:
        end = int(begin[end])
        found.append(end)
    return found[::-1]


def _noisy(values: FloatArray, sigma: float) -> list[int]:
    n = len(values)
    calm = _without_spikes(values, _SPIKE * sigma)
    scaled = (calm - np.median(calm)) / sigma
    sums = np.concatenate([[0.0], np.cumsum(scaled)])
    squares = np.concatenate([[0.0], np.cumsum(scaled**2)])

    def costs(end: int) -> FloatArray:
        lengths = np.arange(end, 0, -1)
        total: FloatArray = squares[end] - squares[:end]
        total -= (sums[end] - sums[:end]) ** 2 / lengths
        return total

    penalty = 4 * math.log(n) * (1 + _DOUBT / math.sqrt(n)) ** 2
    return partition(costs, n, penalty, _SHORTEST)


def _without_spikes(values: FloatArray, height: float) -> FloatArray:
    """Lone spikes become the median of five neighbours (Hampel); steps stay."""
    padded = np.pad(values, 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5)
    medians = np.median(windows, axis=1)
    calm: FloatArray = np.where(np.abs(values - medians) > height, medians, values)
    return calm


def _repeating(values: FloatArray) -> list[int]:
    """The same, for numbers of which most repeat; starts of levels are real steps."""
    told = _told(values)
    edges = [0, *(i for i in range(1, len(told)) if told[i] != told[i - 1]), len(told)]
    lengths = [after - before for before, after in pairwise(edges)]
    pieces = [told[edge] for edge in edges[:-1]]

    def costs(end: int) -> FloatArray:
        return np.array(_strangers(pieces[:end], lengths[:end]), float)

    found = partition(costs, len(pieces), _price(pieces, lengths))
    return [edges[piece] for piece in found]


def _told(values: FloatArray) -> list[str]:
    """Values but for the rounding of their last digits."""
    return [f"{value:.9g}" for value in values.tolist()]


def _strangers(pieces: Sequence[str], lengths: Sequence[int]) -> list[int]:
    """From each piece to the last: runs that are not of the most frequent value."""
    counts: Counter[str] = Counter()
    most = total = 0
    found = []
    for piece, length in zip(reversed(pieces), reversed(lengths), strict=True):
        counts[piece] += length
        total += length
        most = max(most, counts[piece])
        found.append(total - most)
    return found[::-1]


def _price(pieces: Sequence[str], lengths: Sequence[int]) -> float:
    """The penalty, in runs that differ from their level."""
    n = sum(lengths)
    strays = sum(
        lengths[i] == 1 and pieces[i - 1] == pieces[i + 1]
        for i in range(1, len(pieces) - 1)
    )
    if not strays:
        return _CERTAIN
    odds = (n - strays) / strays
    return max(_CERTAIN, 2 * math.log(n) / math.log(max(odds, 1.5)))
