"""How one graph's tensor lies in the other's: transposed, reshaped, or as it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array
    from harness.diagnose.traces import Trace

_HEADS = (0, 2, 1, 3)


@dataclass(frozen=True, slots=True)
class Layout:
    """Brings a tensor of the reference to the candidate's layout.

    Attributes:
        perm: Order of the reference's axes; None leaves them.
        shape: The candidate's shape.
        dtype: The candidate's type; None leaves the reference's.
    """

    perm: tuple[int, ...] | None
    shape: tuple[int, ...]
    dtype: str | None = None

    @property
    def plain(self) -> bool:
        """Whether elements stay where they are."""
        return self.perm is None

    def apply(self, array: Array) -> Array:
        """The reference's tensor as the candidate has it."""
        moved = array if self.perm is None else array.transpose(self.perm)
        return np.asarray(moved.reshape(self.shape), self.dtype, order="C")


def layouts(reference: tuple[int, ...], candidate: tuple[int, ...]) -> Iterator[Layout]:
    """Layouts that fit these shapes, the likeliest first."""
    if np.prod(reference, dtype=np.int64) != np.prod(candidate, dtype=np.int64):
        return
    if reference == candidate or len(reference) != len(candidate):
        yield Layout(None, candidate)
    for perm in usual(len(reference)):
        # On a square map this could as well be height and width exchanged: a fault.
        if reference == candidate and perm == _HEADS:
            continue
        if _lengths(tuple(reference[axis] for axis in perm)) == _lengths(candidate):
            yield Layout(perm, candidate)
    alike = _lengths(reference) == _lengths(candidate)
    if reference != candidate and len(reference) == len(candidate) and alike:
        yield Layout(None, candidate)


@cache
def usual(rank: int) -> tuple[tuple[int, ...], ...]:
    """Transpositions between layouts in use: channels first and last, time first."""
    if rank < 3:
        return ((1, 0),) if rank == 2 else ()
    last = (0, *range(2, rank), 1)
    first = (0, rank - 1, *range(1, rank - 1))
    time = (1, 0, *range(2, rank))
    heads = (_HEADS,) if rank == 4 else ()
    return tuple(dict.fromkeys([last, first, *heads, time]))


def distance_of(reference: Trace, candidate: Trace, layout: Layout) -> float:
    """How far two values are under a layout, over the reference's size.

    inf where the samples cannot tell.
    """
    if layout.perm is None:
        mine, other = reference.flat, candidate.flat
    else:
        mine, other = reference.sample.transpose(layout.perm), candidate.sample
        if mine.shape != other.shape:
            return np.inf
    return _apart(mine.ravel(), other.ravel(), reference.scale)


def _apart(mine: Array, other: Array, scale: float) -> float:
    same = (mine == other) | (np.isnan(mine) & np.isnan(other))
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where(same, 0.0, mine - other)
    away = float(np.sqrt(np.mean(np.square(gap)))) if gap.size else 0.0
    return away / scale if scale else (0.0 if away == 0 else np.inf)


def _lengths(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of length one."""
    return tuple(n for n in shape if n != 1)
