"""What the form of an error says, where nothing differs in the files.

Arrays are a segment's expected and actual answers, in the candidate's layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import Array, FloatArray

_SMALL = 1e-5


def border_share(expected: Array, got: Array, axes: tuple[int, ...]) -> float:
    """Share of the absolute error that lies on the outer ring of these axes.

    Near 1: padding values, or what an average counts at the border.
    """
    gap = np.abs(np.asarray(got, np.float64) - expected)
    total = float(gap.sum())
    inner = tuple(
        slice(1, -1) if axis in axes and gap.shape[axis] > 2 else slice(None)
        for axis in range(gap.ndim)
    )
    return 1 - float(gap[inner].sum()) / total if total else 0.0


def same_multiset(expected: Array, got: Array) -> bool:
    """Whether the same numbers stand in other places: a permutation."""
    if expected.size != got.size:
        return False
    mine, other = np.sort(expected.ravel()), np.sort(got.ravel())
    size = float(np.abs(mine).max(initial=0.0))
    return bool(np.abs(mine - other).max(initial=0.0) <= _SMALL * size)


def gain(expected: Array, got: Array, axis: int) -> tuple[FloatArray, float]:
    """Factor a channel that fits best, and the share of the error that it leaves.

    Near 0 left: an epsilon, a scale, a gain.
    """
    mine = np.moveaxis(np.asarray(expected, np.float64), axis, 0)
    other = np.moveaxis(np.asarray(got, np.float64), axis, 0)
    mine, other = mine.reshape(len(mine), -1), other.reshape(len(other), -1)
    square = np.sum(mine * mine, axis=1)
    factor = np.sum(mine * other, axis=1) / np.where(square > 0, square, 1.0)
    left = np.linalg.norm(other - factor[:, None] * mine)
    return factor, float(left / (np.linalg.norm(other - mine) or 1.0))


def best_shift(
    expected: Array, got: Array, axes: tuple[int, ...]
) -> tuple[tuple[int, ...], float]:
    """Shift by -1, 0 or 1 along these axes that fits best, and the error it leaves.

    Compared are the inner parts alone. Left over is relative to the unshifted error.
    """
    shifts = np.array(np.meshgrid(*[[-1, 0, 1]] * len(axes))).reshape(len(axes), -1).T
    inner = tuple(
        slice(1, -1) if axis in axes else slice(None) for axis in range(expected.ndim)
    )
    target = np.asarray(expected, np.float64)[inner]

    def left(shift: tuple[int, ...]) -> float:
        return float(np.linalg.norm(np.roll(got, shift, axes)[inner] - target))

    options = [tuple(int(n) for n in row) for row in shifts]
    best = min(options, key=lambda shift: (left(shift), shift))
    still = left((0,) * len(axes))
    return best, left(best) / still if still else 1.0
