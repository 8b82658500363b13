"""Moments and small magnitudes of large blocks of float32, multiplied in float32.

Twice as fast as in float64, which holds half as many numbers in as much memory.
Products are added up a few in float32 and then in float64, so that rounding hardly adds
up: of two million elements and more, nine digits are right, or seven where all are the
same few numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.weights.half_range import (
    FP16_INFINITE,
    FP16_NORMAL,
    FP16_ZERO,
    magnitudes,
)

if TYPE_CHECKING:
    from harness.core.protocols import Array, FloatArray
    from harness.weights.kernels import Powers

# BLAS starts threads for longer vectors: slower here, and other sums a machine. Of
# float32, no more than a few are to be added up.
_ROW = 1 << 10
_ONES = np.ones((_ROW, 1), np.float32)
# Largest magnitudes whose fourth powers, added up, are normal float32 numbers, and
# that float16 has.
_FITTING = (1e-6, FP16_INFINITE)
# Squared means above this share of the mean square cost digits: a quarter of a bit.
_OFF_CENTRE = 0.25
_HALF_ZERO = np.float32(FP16_ZERO) * np.float32(FP16_ZERO)
# Exact; squares of smaller float32 numbers are smaller when rounded, too.
_HALF_NORMAL = np.float32(FP16_NORMAL) * np.float32(FP16_NORMAL)


def fits(block: Array, extremes: tuple[float, float]) -> bool:
    """Whether powers of a block's elements are float32 numbers, and it is float32.

    Args:
        block: Of any type.
        extremes: Its smallest and largest element; one of both is not finite where
            an element is not.
    """
    low, high = extremes
    # NaN is in no order.
    known = low <= high and block.dtype == np.float32
    return known and _FITTING[0] < max(-low, high) < _FITTING[1]


class Squares:
    """Looks at one block after the other, in memory of its own."""

    def __init__(self) -> None:
        self._square = np.empty(0, np.float32)
        self._is_small = np.empty(0, np.bool_)

    def look(
        self, block: FloatArray, smallest: float
    ) -> tuple[Powers, float, list[int]]:
        """What `Moments.add` asks for.

        Args:
            block: Shape (n,), float32 that `fits`.
            smallest: Smallest non-zero magnitude that is known from elsewhere.

        Returns:
            Powers; the smallest magnitude of both; zeros, elements that float16
            rounds to 0, to less than a normal number, to infinity.
        """
        if self._square.size < block.size:
            self._square = np.empty(block.size, np.float32)
            self._is_small = np.empty(block.size, np.bool_)
        square = self._square[: block.size]
        np.multiply(block, block, out=square)
        found = self._magnitudes(block, square, smallest)
        return (_powers(block, square), *found)

    def _magnitudes(
        self, block: FloatArray, square: FloatArray, smallest: float
    ) -> tuple[float, list[int]]:
        """`magnitudes`, seen by the squares where those can tell."""
        least = square.min()
        if least <= _HALF_ZERO:
            return magnitudes(block, 0.0)
        below_normal = 0
        if least < _HALF_NORMAL:
            is_small = self._is_small[: block.size]
            np.less(square, _HALF_NORMAL, out=is_small)
            below_normal = int(np.count_nonzero(is_small))
        known = np.float32(smallest)
        if least <= known * known:
            smallest = min(smallest, float(np.abs(block).min()))
        return smallest, [0, 0, below_normal, 0]


def _powers(block: FloatArray, square: FloatArray) -> Powers:
    """Powers of a block; `square` is written over where its mean is far from 0."""
    n, centre = block.size, np.float32(0)
    total, second = _sum(block), dot(block, block)
    if total * total > _OFF_CENTRE * n * second:
        centre = np.float32(total / n)
        block = block - centre
        np.multiply(block, block, out=square)
        total, second = _sum(block), dot(block, block)
    third, fourth = dot(square, block), dot(square, square)
    return _about(total / n, float(centre), (n, second, third, fourth))


def _sum(a: FloatArray) -> float:
    whole = a.size - a.size % _ROW
    rows = a[:whole].reshape(-1, 1, _ROW) @ _ONES
    return float(rows.sum(dtype=np.float64)) + float(a[whole:].sum())


def dot(a: FloatArray, b: FloatArray) -> float:
    """Inner product of two vectors, the same whatever the number of threads."""
    whole = a.size - a.size % _ROW
    rows = a[:whole].reshape(-1, 1, _ROW) @ b[:whole].reshape(-1, _ROW, 1)
    return float(rows.sum(dtype=np.float64)) + float(a[whole:] @ b[whole:])


def _about(
    mean: float, centre: float, sums: tuple[float, float, float, float]
) -> Powers:
    """Powers about the mean, from sums of powers about `centre`, which is near it.

    Args:
        mean: Less the centre.
        centre: What was taken off.
        sums: Count, and sums of 2nd, 3rd and 4th powers.
    """
    n, second, third, fourth = sums
    square = mean * mean
    fourth -= 4 * mean * third - 6 * square * second + 3 * n * square * square
    third -= 3 * mean * second - 2 * n * square * mean
    # Of numbers that are all the same, rounding may leave less than nothing.
    spread = max(second - n * square, 0.0)
    return float(n), centre + mean, spread, third, max(fourth, 0.0)
