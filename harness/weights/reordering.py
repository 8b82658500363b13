"""Which rows, columns or channels changed places in a tensor of the same values."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray
    from harness.weights.layouts import Axes

_MATRIX = {0: "rows", 1: "columns"}


@dataclass(frozen=True, slots=True)
class Reordering:
    """How one tensor is another order of a second one's values.

    Attributes:
        orders: Axis -> where each of its indices came from, for the axes of which
            some index moved; empty where no order of whole slices explains it.
        told: The same in words.
    """

    orders: dict[int, Axes]
    told: str


def reordering(reference: FloatArray, candidate: FloatArray) -> Reordering:
    """How `candidate` is another order of the values of `reference`.

    Both are in the same layout and shape. Several axes may be in another order at
    once: a slice is recognised by its values whatever their order in it.
    """
    found = {}
    for axis in range(reference.ndim):
        order = _order(reference, candidate, axis)
        if order is None:
            continue
        if order != tuple(range(len(order))):
            found[axis] = order
    if found and np.array_equal(_applied(reference, found), candidate):
        texts = [_told(order, axis, reference.shape) for axis, order in found.items()]
        return Reordering(found, " and ".join(texts))
    return Reordering({}, "the same values in another order")


def _applied(values: FloatArray, orders: dict[int, Axes]) -> FloatArray:
    for axis, order in orders.items():
        values = values.take(order, axis=axis)
    return values


def _order(reference: FloatArray, candidate: FloatArray, axis: int) -> Axes | None:
    """Where each index along the axis came from; None where some slice is new.

    Among equal slices, one that stands in its place stays there.
    """
    theirs, ours = _sorted_slices(reference, axis), _sorted_slices(candidate, axis)
    moved = [i for i in range(len(ours)) if theirs[i] != ours[i]]
    places = defaultdict(list)
    for i in moved:
        places[theirs[i]].append(i)
    order = list(range(len(ours)))
    for i in moved:
        source = places[ours[i]]
        if not source:
            return None
        order[i] = source.pop(0)
    return tuple(order)


def _sorted_slices(values: FloatArray, axis: int) -> list[bytes]:
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    # Adding 0 turns -0 into 0.
    return [row.tobytes() for row in np.sort(rows + 0, axis=1)]


def _told(order: Axes, axis: int, shape: Axes) -> str:
    what = "elements" if len(shape) == 1 else "indices"
    where = "" if len(shape) == 1 else f" of axis {axis}"
    if len(shape) == 2:
        what, where = _MATRIX[axis], ""
    moved, size = [i for i, source in enumerate(order) if i != source], shape[axis]
    if len(moved) == 2:
        return f"{what} {moved[0]} and {moved[1]}{where} swapped"
    if order == tuple(reversed(range(size))):
        return f"{what}{where} in reverse order"
    return f"{len(moved)} of {size} {what}{where} in another order"
