"""Integers that stand for floats by a scale and a zero point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    from harness.core.protocols import Array, FloatArray, IntArray, StoredCodes

_NEAR = 1e-3
_LARGEST = 1 << 31


def spread(parameter: Array, shape: tuple[int, ...], axis: int | None) -> Array:
    """A scale or zero point in a shape that broadcasts over a tensor's.

    Raises:
        Malformed: It has another number of elements than the axis.
    """
    if parameter.size == 1:
        return parameter.reshape(())
    if axis is None or not 0 <= axis < len(shape) or parameter.size != shape[axis]:
        raise Malformed(
            f"its {parameter.size:,} scales do not fit its shape {list(shape)}"
        )
    ones = [1] * len(shape)
    ones[axis] = parameter.size
    return parameter.reshape(ones)


def dequantized(stored: StoredCodes) -> FloatArray:
    """The floats that the codes mean, as float32, in the codes' shape.

    Raises:
        Malformed: Scales and codes do not fit each other.
    """
    codes = stored.codes()
    # float32 is exact for the integers of 16 bits and less.
    kind = np.float32 if codes.dtype.itemsize <= 2 else np.float64
    values: FloatArray = codes.astype(kind)
    # Scales may be beyond float32, or NaN: the statistics say so.
    with np.errstate(over="ignore", invalid="ignore"):
        values -= spread(stored.zero_point.astype(kind), codes.shape, stored.axis)
        values *= spread(stored.scale.astype(kind), codes.shape, stored.axis)
        return values.astype(np.float32, copy=False)


def whole_numbers(zero_point: FloatArray) -> IntArray | None:
    """Zero points computed in float, as int32; None where one lies between."""
    with np.errstate(invalid="ignore"):
        whole = np.rint(zero_point)
        near = np.abs(whole - zero_point) <= _NEAR
    # What is no number is not near.
    if not np.all(near & (np.abs(whole) < _LARGEST)):
        return None
    return whole.astype(np.int32)
