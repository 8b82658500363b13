"""Reports built by hand, as real runs leave them; numbers are drawn from seeds."""

from .extremes import EVIL, hostile, huge, many_classes
from .reports import broken, failing, no_labels, passing, slipped, undecided

__all__ = [
    "EVIL",
    "broken",
    "failing",
    "hostile",
    "huge",
    "many_classes",
    "no_labels",
    "passing",
    "slipped",
    "undecided",
]
