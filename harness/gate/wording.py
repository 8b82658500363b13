"""Numbers and lists as the messages of the gate write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED = 3
_MAX_TOLD = 200
# What one decimal of a percentage would show as none at all.
_LEAST = 5e-4


def percent(share: float) -> str:
    """A share with one decimal, ``99.7 %``; only what is exact reads 0 or 100 %."""
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    if 0.0 < share < _LEAST:
        return "<0.1 %"
    return ">99.9 %" if 1.0 - _LEAST <= share < 1.0 else f"{100 * share:.1f} %"


def points(change: float) -> str:
    """A change of a share with its sign: ``-0.3 points``."""
    # 0.0 + -0.0 is 0.0: what did not change did not fall.
    return f"{0.0 + 100 * change:+.1f} points"


def scientific(error: float) -> str:
    """An error with two digits: ``4.2e-07``."""
    return f"{error:.1e}"


def counted(n: int, noun: str) -> str:
    """``1 sample``, ``1,200 samples``, ``2 classes``."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{n:,} {noun if n == 1 else plural}"


def listed(items: Sequence[str]) -> str:
    """The first three, and how many more: ``a, b, c and 4 more``."""
    more = len(items) - _NAMED
    text = ", ".join(items[:_NAMED])
    return f"{text} and {more} more" if more > 0 else text


def shortened(text: str) -> str:
    """A sentence of others, its middle left out where it is long."""
    if len(text) <= _MAX_TOLD:
        return text
    half = (_MAX_TOLD - 3) // 2
    return f"{text[:half]}...{text[-half:]}"
