"""Which rows, columns or channels changed places in a tensor of the same values."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray

_MATRIX = {0: "rows", 1: "columns"}


def reordering(reference: FloatArray, candidate: FloatArray) -> str:
    """In words, how `candidate` is another order of the values of `reference`.

    Both are in the same layout and shape.
    """
    for axis in range(reference.ndim):
        sources = _sources(reference, candidate, axis)
        if sources is not None:
            return _told(sources, axis, reference.shape)
    return "the same values in another order"


def _sources(
    reference: FloatArray, candidate: FloatArray, axis: int
) -> dict[int, int] | None:
    """Index along the axis -> where its slice came from, for the slices that moved.

    None where some slice is none of the reference's.
    """
    theirs = np.moveaxis(reference, axis, 0)
    ours = np.moveaxis(candidate, axis, 0)
    moved = [i for i in range(len(ours)) if not np.array_equal(theirs[i], ours[i])]
    places = defaultdict(list)
    for i in moved:
        places[theirs[i].tobytes()].append(i)
    sources = {}
    for i in moved:
        source = places[ours[i].tobytes()]
        if not source:
            return None
        sources[i] = source.pop(0)
    return sources


def _told(sources: dict[int, int], axis: int, shape: tuple[int, ...]) -> str:
    what = "elements" if len(shape) == 1 else "indices"
    where = "" if len(shape) == 1 else f" of axis {axis}"
    if len(shape) == 2:
        what, where = _MATRIX[axis], ""
    moved, size = sorted(sources), shape[axis]
    if len(moved) == 2:
        return f"{what} {moved[0]} and {moved[1]}{where} swapped"
    if all(sources.get(i, i) == size - 1 - i for i in range(size)):
        return f"{what}{where} in reverse order"
    return f"{len(moved)} of {size} {what}{where} in another order"
