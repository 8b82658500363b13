"""A part of golden data, by the samples it spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.golden.table import Block


def settled(span: slice | None, n: int) -> slice:
    """The span with both ends known, inside of `n` samples; all of them for None.

    Ends are taken as Python takes those of a list: negative ones count from the back,
    what lies past the end is cut off.

    Raises:
        ValueError: The span leaves samples out.
    """
    start, stop, step = (span or slice(None)).indices(n)
    if step != 1:
        raise ValueError(f"a span takes every sample, not each {step}th")
    return slice(start, max(start, stop))


def inside(parts: Iterable[Block], span: slice, first: int = 0) -> Iterator[Block]:
    """Blocks that follow each other -> what of them lies in the span.

    For forms that can only be read forward, and for what an efficient start leaves
    in front.

    Args:
        parts: Blocks of any length, at least a row each.
        span: Rows to keep, both ends known.
        first: Row that the first block begins with.
    """
    row = first
    for part in parts:
        start, row = row, row + len(next(iter(part.values())))
        if row > span.start:
            keep = slice(max(0, span.start - start), span.stop - start)
            yield {name: array[keep] for name, array in part.items()}
        if row >= span.stop:
            return
