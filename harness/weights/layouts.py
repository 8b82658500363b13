"""Ways in which one tensor can lie in another: HWIO and OIHW, W and W^T, flattened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray

Axes: TypeAlias = tuple[int, ...]
# Six axes would have 720 orders, and no known layout differs there.
_MAX_RANK = 5


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How to bring the reference's values to the candidate's layout.

    Attributes:
        split: Shape that the reference is given first; axes of length 1 left out.
        axes: Order of those axes.
        block_axis: Axis of the result, without axes of length 1, whose equal blocks
            (gates) are taken in another order.
        blocks: That order; empty for none.
    """

    split: Axes
    axes: Axes
    block_axis: int = 0
    blocks: Axes = ()

    @property
    def transposes(self) -> bool:
        """Whether axes change places."""
        return self.axes != tuple(range(len(self.axes)))


def squeezed(shape: Axes) -> Axes:
    """A shape without the axes of length 1."""
    return tuple(n for n in shape if n != 1)


def as_it_is(shape: Axes) -> Arrangement:
    """The arrangement that changes nothing, or the shape alone."""
    bare = squeezed(shape)
    return Arrangement(bare, tuple(range(len(bare))))


def orders(reference: Axes, candidate: Axes) -> Iterator[Axes]:
    """Axis orders that give a tensor of shape `reference` the shape `candidate`.

    Both shapes are without axes of length 1. The order as it stands comes first.
    """
    if sorted(reference) != sorted(candidate) or len(reference) > _MAX_RANK:
        return
    for axes in permutations(range(len(reference))):
        if tuple(reference[a] for a in axes) == candidate:
            yield axes


def arrangements(reference: Axes, candidate: Axes) -> Iterator[Arrangement]:
    """All transpositions, then those that merge or split neighbouring axes.

    The depthwise kernel HWIM of (3, 3, 4, 2) is the O1HW one of (8, 3, 3) in this way.
    """
    r, c = squeezed(reference), squeezed(candidate)
    if math.prod(r) != math.prod(c) or max(len(r), len(c)) > _MAX_RANK:
        return
    if sorted(r) == sorted(c):
        for axes in orders(r, c):
            yield Arrangement(r, axes)
    elif len(r) > len(c):
        for axes in permutations(range(len(r))):
            if _merges(tuple(r[a] for a in axes), c):
                yield Arrangement(r, axes)
    elif len(c) > len(r):
        for axes in permutations(range(len(c))):
            parts = tuple(c[a] for a in axes)
            if _merges(parts, r):
                yield Arrangement(parts, _inverse(axes))


def arranged(values: FloatArray, how: Arrangement, shape: Axes) -> FloatArray:
    """`values` in the candidate's layout and shape; a view where that is possible."""
    moved = values.reshape(how.split).transpose(how.axes)
    if not how.blocks:
        return moved.reshape(shape)
    bare = moved.reshape(squeezed(shape))
    return taken(bare, how.block_axis, how.blocks).reshape(shape)


def taken(values: FloatArray, axis: int, order: Axes) -> FloatArray:
    """Equal blocks along an axis in another order: block i comes from `order[i]`."""
    shape = values.shape
    n = len(order)
    parts = values.reshape(*shape[:axis], n, shape[axis] // n, *shape[axis + 1 :])
    return parts.take(order, axis=axis).reshape(shape)


def _merges(parts: Axes, whole: Axes) -> bool:
    """Whether products of neighbouring parts give the whole, one after the other."""
    left = list(parts)
    for size in whole:
        product = 1
        while left and product < size:
            product *= left.pop(0)
        if product != size:
            return False
    return not left


def _inverse(axes: Axes) -> Axes:
    return tuple(axes.index(a) for a in range(len(axes)))
