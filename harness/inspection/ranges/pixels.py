"""Ranges of images, before and behind a mean and a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BYTE = (0.0, 255.0)


def normalized(
    means: Sequence[float], divisors: Sequence[float]
) -> tuple[float, float] | None:
    """Least and largest (x - mean) / divisor of bytes, over all channels.

    Args:
        means: One, or one a channel; none stands for 0.
        divisors: Likewise; none stands for 1.

    Returns:
        None where their numbers do not fit each other, or a divisor is 0.
    """
    means, divisors = means or (0.0,), divisors or (1.0,)
    count = max(len(means), len(divisors))
    if not {len(means), len(divisors)} <= {1, count} or 0 in divisors:
        return None
    pairs = zip(_spread(means, count), _spread(divisors, count), strict=True)
    ends = [(end - mean) / by for mean, by in pairs for end in BYTE]
    return min(ends), max(ends)


def _spread(values: Sequence[float], count: int) -> list[float]:
    return [*values] * (count if len(values) == 1 else 1)
