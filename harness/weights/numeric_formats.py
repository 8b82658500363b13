"""Number formats narrower than float32, and how they round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray

    Ranges: TypeAlias = tuple[FloatArray, FloatArray]

# The bits of a float's exponent, by its size in bytes.
_EXPONENT: dict[int, np.unsignedinteger[Any]] = {
    4: np.uint32(0x7F800000),
    8: np.uint64(0x7FF << 52),
}


@dataclass(frozen=True, slots=True)
class FloatFormat:
    """A floating-point format.

    Attributes:
        digits: Bits of the mantissa, without the leading 1.
        lowest: Exponent of its smallest normal number, 2**lowest.
        largest: Its largest number.
        scaled: Whether the tensor is first scaled so that its largest magnitude is
            `largest`, and back afterwards.
    """

    digits: int
    lowest: int
    largest: float
    scaled: bool = False

    def round(self, values: FloatArray) -> FloatArray:
        """To the nearest number, ties to even; beyond `largest` as without an end.

        Args:
            values: Finite, float32 or float64.
        """
        exponent = _EXPONENT[values.dtype.itemsize]
        power = (values.view(exponent.dtype) & exponent).view(values.dtype)
        kind = values.dtype.type
        ulp = np.maximum(power, kind(2.0**self.lowest)) * kind(2.0**-self.digits)
        rounded: FloatArray = np.rint(values / ulp) * ulp
        return rounded


@dataclass(frozen=True, slots=True)
class IntegerFormat:
    """Integers with a scale: value = (code - zero point) scale.

    Attributes:
        bits: Of a code.
        symmetric: Whether the zero point is 0 and the smallest code left out, so that
            both signs reach as far; otherwise codes span the range from the smallest
            to the largest element.
        by_channel: Whether each output channel has a scale of its own.
        nudged: Whether codes span 0 too and the zero point is a code, so that 0 stays
            0; otherwise they span the range as it is.
    """

    bits: int
    symmetric: bool
    by_channel: bool
    nudged: bool = True

    @property
    def n_codes(self) -> int:
        """How many codes there are."""
        return self.high - self.low + 1

    @property
    def low(self) -> int:
        """Smallest code."""
        return 1 - (1 << (self.bits - 1)) if self.symmetric else 0

    @property
    def high(self) -> int:
        """Largest code."""
        return (1 << (self.bits - 1 if self.symmetric else self.bits)) - 1

    def scales(self, low: FloatArray, high: FloatArray) -> Ranges:
        """Scale and zero point that span given ranges; scales are of float32 values.

        A scale of 1 where the range is a single number, as in onnxruntime.
        """
        if self.symmetric:
            span = np.maximum(np.abs(low), np.abs(high))
        elif self.nudged:
            low, high = np.minimum(low, 0), np.maximum(high, 0)
            span = high - low
        else:
            span = high - low
        scale = (span / self.high).astype(np.float32).astype(np.float64)
        scale = np.where(scale > 0, scale, 1.0)
        if self.symmetric:
            return scale, np.zeros_like(scale)
        zero = -low / scale
        return scale, np.clip(np.rint(zero), 0, self.high) if self.nudged else zero


Format: TypeAlias = FloatFormat | IntegerFormat

FORMATS: dict[str, Format] = {
    "float16": FloatFormat(10, -14, 65504.0),
    "bfloat16": FloatFormat(7, -126, (2 - 2.0**-7) * 2.0**127),
    "float8_e4m3": FloatFormat(3, -6, 448.0),
    "float8_e5m2": FloatFormat(2, -14, 57344.0),
    "float8_e4m3-scaled": FloatFormat(3, -6, 448.0, scaled=True),
    "float8_e5m2-scaled": FloatFormat(2, -14, 57344.0, scaled=True),
    "int8": IntegerFormat(8, symmetric=True, by_channel=False),
    "int8-asymmetric": IntegerFormat(8, symmetric=False, by_channel=False),
    "int8-minmax": IntegerFormat(8, symmetric=False, by_channel=False, nudged=False),
    "int8-channel": IntegerFormat(8, symmetric=True, by_channel=True),
    "int8-asymmetric-channel": IntegerFormat(8, symmetric=False, by_channel=True),
    "int4-channel": IntegerFormat(4, symmetric=True, by_channel=True),
}
"""Name -> format. E4M3 is the "fn" kind, which has no infinity. Scales are of ranges,
not of percentiles; "-channel" is one an output channel."""
