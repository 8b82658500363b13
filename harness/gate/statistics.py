"""Exact tests of paired decisions, many of them at once, and what they can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def mcnemar_one_sided(n_lost: int, n_won: int) -> float:
    """Exact p-value of so many losses where losing is no likelier than winning.

    McNemar (1947), "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12: only discordant pairs speak, and
    without a change each is lost or won with probability 1/2. The upper tail of
    Binomial(n_lost + n_won, 1/2); 1 where nothing was lost.
    """
    return binomial_tail(n_lost, n_lost + n_won, 0.5)


def binomial_tail(successes: int, n: int, probability: float) -> float:
    """P(X >= successes) for X ~ Binomial(n, probability)."""
    # scipy.special takes a while to import; `asked_checks` must not wait for it.
    from scipy.special import bdtrc

    return float(bdtrc(successes - 1, n, probability)) if successes > 0 else 1.0


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


def least_significant_loss(n: int, n_tests: int, alpha: float) -> int | None:
    """The least number of lost samples, none won, that `n` samples can prove.

    m losses without a win have p = 2^-m (`mcnemar_one_sided`), and the first step of
    Holm's procedure multiplies it by the number of tests.

    Args:
        n: Samples of the class.
        n_tests: Classes tested together.
        alpha: Family-wise error rate; p must be below it.

    Returns:
        That number; None when even n of n proves nothing.
    """
    return next((m for m in range(1, n + 1) if n_tests * 0.5**m < alpha), None)
