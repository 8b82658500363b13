"""Rows of a dense kernel behind a flatten: HWC order there, CHW order here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.weights.layouts import Arrangement, orders
from harness.weights.likeness import SIMILAR, likeness
from harness.weights.sketch import tame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray
    from harness.weights.sketch import Sketch

_LINES = 8
# Fewer rows than this are in another order by chance.
_MIN_ROWS = 8


def flattened(reference: Sketch, candidate: Sketch) -> Arrangement | None:
    """How rows went from one order of channels and places to the other.

    Two matrices of the same sizes. For every way to cut the rows into channels and
    places, some columns are held against each other, and then all.
    """
    if len(reference.squeezed) != 2:
        return None
    theirs = ours = None
    for axes in orders(reference.squeezed, candidate.squeezed):
        if theirs is None or ours is None:
            theirs = tame(reference.tensor.load()).reshape(reference.squeezed)
            ours = tame(candidate.tensor.load()).reshape(candidate.squeezed)
        for axis in (0, 1):
            found = _on_axis(theirs.transpose(axes), ours, axis)
            if found:
                return _spelled(reference.squeezed, axes, axis, found)
    return None


def _on_axis(theirs: FloatArray, ours: FloatArray, axis: int) -> int | None:
    """How many outer blocks the rows fall into; None where no cut explains them."""
    r, c = np.moveaxis(theirs, axis, 0), np.moveaxis(ours, axis, 0)
    if len(r) < _MIN_ROWS:
        return None
    columns = np.linspace(0, r.shape[1] - 1, min(r.shape[1], _LINES)).astype(np.intp)
    few_r, few_c = r[:, columns], c[:, columns]
    for n in _divisors(len(r)):
        if likeness(_turned(few_r, n), few_c) >= SIMILAR:
            return n if likeness(_turned(r, n), c) >= SIMILAR else None
    return None


def _turned(rows: FloatArray, n: int) -> FloatArray:
    n_rows, width = rows.shape
    return rows.reshape(n, n_rows // n, width).swapaxes(0, 1).reshape(n_rows, width)


def _divisors(n: int) -> Iterator[int]:
    return (d for d in range(2, n // 2 + 1) if n % d == 0)


def _spelled(
    shape: tuple[int, ...], axes: tuple[int, ...], axis: int, n: int
) -> Arrangement:
    """The same as one reshape, one transposition and one reshape."""
    cut = axes[axis]
    size = shape[cut]
    split = (*shape[:cut], n, size // n, *shape[cut + 1 :])
    order: list[int] = []
    for a in axes:
        if a == cut:
            order += [cut + 1, cut]
        else:
            order.append(a + (a > cut))
    return Arrangement(split, tuple(order))
