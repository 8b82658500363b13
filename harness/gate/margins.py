"""How large a loss can be, given what was seen: intervals of paired differences."""

from __future__ import annotations

import math


def loss_interval(
    lost: int, won: int, n: int, confidence: float
) -> tuple[float, float]:
    """Score interval of the share that was lost net, (lost - won) / n.

    Tango (1998), "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design", Statistics in Medicine 17. Each end is
    a one-sided limit: the loss is above the lower one, and below the upper one, with
    `confidence` each.

    Args:
        lost: Right before, wrong now.
        won: Wrong before, right now.
        n: Samples, at least 1.
        confidence: Of one side, in (0.5, 1).

    Returns:
        Lower and upper limit, in [-1, 1].
    """
    from scipy.special import ndtri

    z = float(ndtri(confidence))
    seen = (lost - won) / n
    low = _root(lost, won, n, z, (-1.0, seen))
    high = _root(lost, won, n, -z, (seen, 1.0))
    return low, high


def _root(
    lost: int, won: int, n: int, target: float, between: tuple[float, float]
) -> float:
    """Where the score is `target`; it falls as the loss that is assumed grows."""
    low, high = between
    for _ in range(60):
        middle = (low + high) / 2
        if _score(lost, won, n, middle) > target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _score(lost: int, won: int, n: int, loss: float) -> float:
    """How many standard errors what was seen lies above an assumed loss."""
    a = 2 * n
    b = -lost - won + (2 * n - lost + won) * loss
    c = -won * loss * (1 - loss)
    share_won = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * share_won + loss * (1 - loss))
    excess = lost - won - n * loss
    if variance <= 0:
        return math.copysign(math.inf, excess) if excess else 0.0
    return excess / math.sqrt(variance)
