"""What float16 does to numbers by their magnitude."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray

# Rounding to nearest even, as in numpy.float16. The midpoint between 0 and the
# smallest subnormal (2**-24) goes to 0; the one between the largest subnormal and
# the smallest normal number (2**-14) goes to the normal; the one above 65504 goes to
# infinity.
FP16_ZERO = 2.0**-25
FP16_NORMAL = 2.0**-14 - 2.0**-25
FP16_INFINITE = 65520.0


def magnitudes(finite: FloatArray, largest: float) -> tuple[float, list[int]]:
    """Smallest non-zero magnitude, and the counts that `Moments.add` asks for.

    Args:
        finite: A block of finite floats.
        largest: Its largest magnitude.
    """
    magnitude = np.abs(finite)
    smallest = float(magnitude.min())
    zero = flushed = below_normal = overflow = 0
    # Most blocks hold nothing so small or so large: their extremes tell.
    if smallest < FP16_NORMAL:
        below_normal = int(np.count_nonzero(magnitude < FP16_NORMAL))
    if smallest <= FP16_ZERO:
        flushed = int(np.count_nonzero(magnitude <= FP16_ZERO))
    if largest >= FP16_INFINITE:
        overflow = int(np.count_nonzero(magnitude >= FP16_INFINITE))
    if smallest == 0:
        zero = int(np.count_nonzero(magnitude == 0))
        magnitude[magnitude == 0] = np.inf
        smallest = float(magnitude.min())
    return smallest, [zero, flushed, below_normal, overflow]
