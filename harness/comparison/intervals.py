"""Exact statistics of paired decisions and rates."""

from __future__ import annotations

import math

_Z95 = 1.959963984540054


def wilson_interval(successes: int, n: int) -> tuple[float, float] | None:
    """The score interval of a proportion at 95 %; None when n is 0.

    Wilson (1927), "Probable inference, the law of succession, and statistical
    inference", JASA 22. Unlike Wald's it stays in [0, 1] and is honest at 0 and n.
    """
    if n == 0:
        return None
    share, z2 = successes / n, _Z95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    spread = math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    half = _Z95 * spread
    # At 0 and n one end is exactly the share; rounding would put it just beside.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def mcnemar_two_sided(n_lost: int, n_won: int) -> float:
    """Exact p-value that losses and wins differ by chance alone.

    McNemar (1947), Psychometrika 12: given the discordant pairs, each falls either way
    with probability 1/2; both tails of Binomial(n_lost + n_won, 1/2).
    """
    from scipy.special import bdtr

    n = n_lost + n_won
    return min(1.0, 2 * float(bdtr(min(n_lost, n_won), n, 0.5)))
