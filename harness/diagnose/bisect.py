"""Which few of many things are needed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def needed(
    items: Sequence[T], works: Callable[[Sequence[T]], bool], most: int = 4
) -> tuple[T, ...] | None:
    """The items without which it does not work; a logarithm of trials for each.

    The last item of the shortest prefix that works is needed; it is kept, and the
    search goes on in front of it (QuickXplain's idea, Junker 2004). Where one item's
    absence makes up for another's, the answer works, but need not be the smallest.

    Args:
        items: All of them together may work or not.
        works: Whether some of them do. Asked again for what it was asked before.
        most: Items to look for.

    Returns:
        In the order of `items`; None where not even all of them work, or more than
        `most` are needed.
    """
    if not works(items):
        return None
    kept: tuple[T, ...] = ()
    while not works(kept):
        if len(kept) == most:
            return None
        end = _shortest(items, partial(_with, works, kept))
        kept = (items[end - 1], *kept)
        items = items[: end - 1]
    return kept


def _with(
    works: Callable[[Sequence[T]], bool], kept: Sequence[T], items: Sequence[T]
) -> bool:
    return works((*items, *kept))


def _shortest(items: Sequence[T], works: Callable[[Sequence[T]], bool]) -> int:
    """Length of the shortest prefix that works; all of them do, none of them do not."""
    low, high = 0, len(items)
    while high - low > 1:
        middle = (low + high) // 2
        if works(items[:middle]):
            high = middle
        else:
            low = middle
    return high
