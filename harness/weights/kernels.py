"""The one pass over float32 in the form that a compiler takes: loops over numbers.

`harness.weights.compiled` hands these to numba; all but `combined` would be slow as
they stand. Comparisons are of bits as integers: they are exact, NaN among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, FloatArray

Powers: TypeAlias = tuple[float, float, float, float, float]
"""Count, mean, and sums of 2nd, 3rd and 4th powers of the distances from it."""

# Elements of a step: they stay in the first-level cache.
STEP = 4096
# The tally: smallest non-zero magnitude's bits less 1, then counts.
SMALLEST, ZERO, FLUSHED, BELOW_NORMAL, OVERFLOW = range(5)
NO_SMALLEST = (1 << 32) - 1
_MAGNITUDE = np.int32(0x7FFFFFFF)
_LOWEST = np.int32(-0x80000000)
_LARGEST = np.int32(0x7F7FFFFF)
# float32's bits of FP16_ZERO, FP16_NORMAL and FP16_INFINITE in `weights.half_range`.
_FP16_ZERO = np.int32(0x33000000)
_FP16_NORMAL = np.int32(0x387FE000)
_FP16_INFINITE = np.int32(0x477FF000)


def combined(a: Powers, b: Powers) -> Powers:
    """Two samples' powers as those of one.

    Pébay, "Formulas for robust, one-pass parallel computation of covariances and
    arbitrary-order statistical moments" (2008), equations 2.1.
    """
    n_a, mean_a, second_a, third_a, fourth_a = a
    n_b, mean_b, second_b, third_b, fourth_b = b
    if n_a == 0 or n_b == 0:
        return a if n_b == 0 else b
    n = n_a + n_b
    d = mean_b - mean_a
    u, v = n_a / n, n_b / n
    between = d * d * n_a * v
    second = second_a + second_b + between
    third = third_a + third_b + between * d * (u - v)
    third += 3 * d * (u * second_b - v * second_a)
    fourth = fourth_a + fourth_b + between * d * d * (u * u - u * v + v * v)
    fourth += 6 * d * d * (u * u * second_b + v * v * second_a)
    fourth += 4 * d * (u * third_b - v * third_a)
    return n, mean_a + d * v, second, third, fourth


def scan(
    values: FloatArray,
    powers: Powers,
    tally: NDArray[np.int64],
    ranges: NDArray[np.int32],
    counts: NDArray[np.uint32],
) -> Powers:
    """Add a run of float32 to what was found so far.

    Args:
        values: Shape (rows, n), float32, in C order.
        powers: Found so far.
        tally: Shape (5,), added to.
        ranges: Shape (rows, 2): each row's extremes as `extremes` gives them,
            narrowed or widened in place.
        counts: Shape (2, 65536): by top 16 bits, in two tables, added to.

    Returns:
        The powers with those of `values`.
    """
    kept = np.empty(STEP, np.float32)
    for row in range(values.shape[0]):
        bits = values[row].view(np.int32)
        for start in range(0, bits.size, STEP):
            step = bits[start : start + STEP]
            count(step.view(np.uint32), counts)
            low, high = extremes(step)
            if high > _LARGEST or low < ~_LARGEST:
                n = finite_into(kept.view(np.int32), step)
                step = kept[:n].view(np.int32)
                low, high = extremes(step)
            if step.size:
                ranges[row, 0] = min(ranges[row, 0], low)
                ranges[row, 1] = max(ranges[row, 1], high)
                classify(step, tally)
                powers = combined(powers, sums(step.view(np.float32)))
    return powers


def count(bits: Array, counts: NDArray[np.uint32]) -> None:
    """Add to two tables by top 16 bits: one would wait on itself among like values."""
    first, second = counts[0], counts[1]
    shift = np.uint32(16)
    for i in range(0, bits.size - 1, 2):
        first[bits[i] >> shift] += 1
        second[bits[i + 1] >> shift] += 1
    if bits.size & 1:
        first[bits[bits.size - 1] >> shift] += 1


def extremes(bits: NDArray[np.int32]) -> tuple[np.int32, np.int32]:
    """Smallest and largest, as integers that rise as the floats do."""
    low, high = _MAGNITUDE, _LOWEST
    for i in range(bits.size):
        rising = np.int32(bits[i] ^ ((bits[i] >> np.int32(31)) & _MAGNITUDE))
        low = min(low, rising)
        high = max(high, rising)
    return low, high


def finite_into(kept: NDArray[np.int32], bits: NDArray[np.int32]) -> int:
    """Copy what is finite; how many there are."""
    n = 0
    for i in range(bits.size):
        if (bits[i] & _MAGNITUDE) <= _LARGEST:
            kept[n] = bits[i]
            n += 1
    return n


def classify(bits: NDArray[np.int32], tally: NDArray[np.int64]) -> None:
    """Add finite elements to the tally by magnitude."""
    smallest = np.uint32(0xFFFFFFFF)
    zero = flushed = below_normal = overflow = np.int32(0)
    for i in range(bits.size):
        magnitude = np.int32(bits[i] & _MAGNITUDE)
        # 0 wraps around to the largest number.
        smallest = min(smallest, np.uint32(np.uint32(magnitude) - np.uint32(1)))
        zero += np.int32(magnitude == 0)
        flushed += np.int32(magnitude <= _FP16_ZERO)
        below_normal += np.int32(magnitude < _FP16_NORMAL)
        overflow += np.int32(magnitude >= _FP16_INFINITE)
    tally[0] = min(tally[0], np.int64(smallest))
    tally[1] += zero
    tally[2] += flushed
    tally[3] += below_normal
    tally[4] += overflow


def sums(values: FloatArray) -> Powers:
    """Powers of a few finite numbers, about their own mean."""
    total = 0.0
    for i in range(values.size):
        total += np.float64(values[i])
    mean = total / values.size
    second = third = fourth = 0.0
    for i in range(values.size):
        d = np.float64(values[i]) - mean
        square = d * d
        second += square
        third += square * d
        fourth += square * square
    return float(values.size), mean, second, third, fourth
