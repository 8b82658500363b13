"""What is kept of a value that went by: enough to find it again in another graph.

Statistics do not depend on the order of elements, so they survive any layout. The
sample of places does: its places depend on the length of each axis alone, so that the
sample of a transposed array is the transposed sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import Array, FloatArray, IntArray

# Places sampled an axis, by rank: some thousand elements in all.
_PLACES = {1: 512, 2: 48, 3: 16, 4: 8, 5: 5}
_FLAT = 512
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One value of one run.

    Attributes:
        name: Its name in its graph.
        shape: As it was.
        kind: numpy kind of its type: f for floats, i for all integers.
        dtype: Its type.
        size: Number of elements.
        statistics: See `_statistics`; not finite ones are left out.
        scale: Root mean square.
        sample: Elements at places that follow from the shape.
        flat: Elements at places that follow from the size.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    dtype: str
    size: int
    statistics: FloatArray
    scale: float
    sample: FloatArray
    flat: FloatArray

    @property
    def varies(self) -> bool:
        """Whether it is more than one number over and over."""
        low, high = self.statistics[:2]
        return bool(high - low > 1e-6 * max(abs(high), abs(low)))


def trace(name: str, array: Array) -> Trace:
    """Look at a value once."""
    places = np.ix_(*(places_of(n, array.ndim) for n in array.shape))
    step = flat_places(array.size)
    numbers = _statistics(array)
    return Trace(
        name=name,
        shape=array.shape,
        kind="i" if array.dtype.kind in "iub" else array.dtype.kind,
        dtype=str(array.dtype),
        size=array.size,
        statistics=numbers,
        scale=float(numbers[4]),
        sample=np.array(array[places], np.float64),
        flat=np.array(array.ravel()[step], np.float64),
    )


def places_of(length: int, rank: int) -> IntArray:
    """Sampled places along an axis of this length, in an array of this rank."""
    count = min(length, _PLACES.get(rank, 4))
    return np.linspace(0, max(length - 1, 0), count).astype(np.int64)


def flat_places(size: int) -> IntArray:
    """Sampled places in an array as it lies in memory."""
    return np.linspace(0, max(size - 1, 0), min(size, _FLAT)).astype(np.int64)


def _statistics(array: Array) -> FloatArray:
    """Smallest, largest, mean, mean |x|, root mean square, cube root of mean x^3."""
    flat = array.ravel()
    sums = np.zeros(4)
    low, high, count = np.inf, -np.inf, 0
    for start in range(0, flat.size, _BLOCK):
        part = flat[start : start + _BLOCK].astype(np.float64)
        finite = np.isfinite(part)
        part = part if finite.all() else part[finite]
        square = part * part
        sums += part.sum(), np.abs(part).sum(), square.sum(), (square * part).sum()
        low = min(low, float(part.min(initial=np.inf)))
        high = max(high, float(part.max(initial=-np.inf)))
        count += part.size
    if not count:
        return np.zeros(6)
    mean, size, square_, cube = sums / count
    return np.array([low, high, mean, size, np.sqrt(square_), np.cbrt(cube)])
