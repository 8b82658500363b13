"""Many tests at once: what a p-value is worth among others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatVector = NDArray[np.float64]
    IntVector = NDArray[np.int64]

# Two tails that are equal but for rounding are one.
_TIE = 1 + 1e-9
_MOST_LOST = 64


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the order given.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J.
    Statist. 6: the i-th smallest of k is multiplied by k - i + 1, and none may be
    smaller than one before it. Rejecting those below alpha errs at all with
    probability alpha at most, however the tests depend on each other.
    """
    adjusted = [0.0] * len(p_values)
    floor = 0.0
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for rank, index in enumerate(order):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return tuple(adjusted)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the order given: of those below q, a share q is chance.

    Benjamini and Hochberg (1995), "Controlling the false discovery rate", JRSS B 57:
    the i-th smallest of k is multiplied by k / i, and none may be larger than one
    after it. The promise is on the average, for independent or positively dependent
    tests.
    """
    adjusted = [0.0] * len(p_values)
    ceiling = 1.0
    order = sorted(range(len(p_values)), key=lambda i: -p_values[i])
    for behind, index in enumerate(order):
        rank = len(p_values) - behind
        ceiling = min(ceiling, p_values[index] * len(p_values) / rank)
        adjusted[index] = ceiling
    return tuple(adjusted)


def step_down_mcnemar(lost: IntVector, won: IntVector) -> FloatVector:
    """Adjusted p-values of one-sided exact McNemar tests, family-wise.

    A class in which few samples moved cannot give a small p-value whatever happens,
    and so cannot be a false alarm: it should cost the others nothing. Holm's factor
    k - i + 1 is replaced by the sum, over the tests still standing, of the largest
    p-value that each can give at or below p (as a multiple of p, at most 1 each).
    Westfall and Wolfinger (1997), "Multiple tests with discrete distributions", The
    American Statistician 51; step-down as Holm's. Given the numbers that moved, the
    probability of any false rejection stays below alpha, however the classes depend
    on each other.

    Args:
        lost: Right before and wrong now, one a class, shape (k,).
        won: The other way round, shape (k,).

    Returns:
        Shape (k,), in [0, 1], in the order given.
    """
    moved = lost + won
    p_values = tails(lost, moved)
    order = np.argsort(p_values, kind="stable")
    standing = _Standing(moved)
    adjusted = np.empty(len(lost))
    floor = 0.0
    for index in order:
        floor = max(floor, min(1.0, standing.chance(p_values[index])))
        adjusted[index] = floor
        standing.drop(moved[index])
    return adjusted


def least_losses(lost: IntVector, won: IntVector, alpha: float) -> IntVector:
    """For each class the least loss, none won, that would fail it among the others.

    Returns:
        Shape (k,); 65 where not even 64 would.
    """
    moved = lost + won
    standing = _Standing(moved)
    least = np.full(len(lost), _MOST_LOST + 1, np.int64)
    for n_lost in range(_MOST_LOST, 0, -1):
        p_value = 0.5**n_lost
        own = np.array([standing.largest(int(size), p_value) for size in moved])
        least[standing.chance(p_value) - own + p_value < alpha] = n_lost
    return least


def tails(successes: IntVector, n: IntVector) -> FloatVector:
    """P(X >= successes) for X ~ Binomial(n, 1/2); 1 where there are none."""
    # scipy.special takes a while to import; `asked_checks` must not wait for it.
    from scipy.special import bdtr

    # By symmetry the upper tail is a lower one, which keeps its digits when small.
    found: FloatVector = bdtr((n - successes).astype(np.float64), n, 0.5)
    return np.where(successes > 0, found, 1.0)


class _Standing:
    """The tests that are not yet rejected, by how many samples moved in each."""

    def __init__(self, moved: IntVector) -> None:
        sizes, counts = np.unique(moved, return_counts=True)
        self._counts = dict(zip(sizes.tolist(), counts.tolist(), strict=True))
        self._possible = {
            size: tails(np.arange(size, -1, -1), np.full(size + 1, size))
            for size in self._counts
        }

    def chance(self, p_value: float) -> float:
        """Bound of the chance that any of them gives `p_value` or less."""
        bound = 0.0
        for size, count in self._counts.items():
            bound += count * self.largest(size, p_value)
        return bound

    def drop(self, size: int) -> None:
        """One of them is rejected, or passed over."""
        self._counts[int(size)] -= 1

    def largest(self, size: int, p_value: float) -> float:
        """The largest p-value at or below `p_value` where so many moved; 0 for none."""
        possible = self._possible[size]
        below = int(np.searchsorted(possible, p_value * _TIE, side="right"))
        return float(possible[below - 1]) if below else 0.0
