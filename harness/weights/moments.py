"""Range, moments and float16 risk of a stream of numbers, in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

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
# Between these magnitudes no square overflows or vanishes in float32.
_SAFE = (1e-15, 1e15)


@dataclass(frozen=True, slots=True)
class Spread:
    """What `Moments` found; counts of zeros and below are over finite elements.

    Attributes:
        n: Elements.
        n_nonfinite: NaN or infinite elements; all else is over the others.
        min: None, like all numbers here, when no element is finite.
        max: Largest.
        smallest_nonzero: Smallest magnitude that is not 0.
        mean: Mean.
        std: Population standard deviation; None also where it is beyond float64.
        n_zero: Exact zeros.
        n_fp16_zero: Non-zero elements that float16 rounds to 0.
        n_fp16_subnormal: Elements that float16 rounds to a subnormal number.
        n_fp16_overflow: Elements that float16 rounds to infinity.
    """

    n: int
    n_nonfinite: int
    min: float | None
    max: float | None
    smallest_nonzero: float | None
    mean: float | None
    std: float | None
    n_zero: int
    n_fp16_zero: int
    n_fp16_subnormal: int
    n_fp16_overflow: int

    @property
    def n_finite(self) -> int:
        """Elements that are neither NaN nor infinite."""
        return self.n - self.n_nonfinite

    def share(self, count: int) -> float:
        """`count` as a share of the finite elements; 0 where there are none."""
        return count / self.n_finite if self.n_finite else 0.0


class Moments:
    """Streaming `Spread` of 1-D float blocks."""

    def __init__(self) -> None:
        self._n = 0
        self._n_finite = 0
        self._min = math.inf
        self._max = -math.inf
        self._smallest = math.inf
        self._mean = 0.0
        self._squares = 0.0
        self._below = np.zeros(4, np.int64)
        self._scratch = np.empty(0, np.float32)

    def update(self, batch: FloatArray) -> None:
        """Take in a block; a small one is kindest to the caches."""
        if batch.size == 0:
            return
        low, high = float(batch.min()), float(batch.max())
        # NaN and infinity show in the extremes: no look at each element is needed.
        if math.isfinite(low) and math.isfinite(high):
            self._n += batch.size
            self._update_finite(batch, low, high)
        else:
            finite = batch[np.isfinite(batch)]
            self._n += batch.size - finite.size
            self.update(finite)

    def merge(self, other: Self) -> None:
        """Take in all that `other` has seen."""
        self._n += other._n
        self._min = min(self._min, other._min)
        self._max = max(self._max, other._max)
        self._smallest = min(self._smallest, other._smallest)
        self._below += other._below
        self._add_moments(other._n_finite, other._mean, other._squares)

    def result(self) -> Spread:
        """The spread of all that was seen."""
        some = self._n_finite > 0
        zero, flushed, below_normal, overflow = (int(count) for count in self._below)
        return Spread(
            n=self._n,
            n_nonfinite=self._n - self._n_finite,
            min=self._min if some else None,
            max=self._max if some else None,
            smallest_nonzero=None if math.isinf(self._smallest) else self._smallest,
            mean=self._mean if some else None,
            std=self._std() if some else None,
            n_zero=zero,
            n_fp16_zero=flushed - zero,
            n_fp16_subnormal=below_normal - flushed,
            n_fp16_overflow=overflow,
        )

    def _std(self) -> float | None:
        known = math.isfinite(self._squares)
        return math.sqrt(self._squares / self._n_finite) if known else None

    def _buffer(self, like: FloatArray) -> FloatArray:
        if self._scratch.size < like.size or self._scratch.dtype != like.dtype:
            self._scratch = np.empty(like.size, like.dtype)
        return self._scratch[: like.size]

    def _update_finite(self, finite: FloatArray, low: float, high: float) -> None:
        self._min, self._max = min(self._min, low), max(self._max, high)
        largest = max(-low, high)
        self._count_magnitudes(finite, largest)
        self._add_moments(*self._about_mean(finite, largest))

    def _count_magnitudes(self, finite: FloatArray, largest: float) -> None:
        magnitude = np.abs(finite, out=self._buffer(finite))
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
        self._below += (zero, flushed, below_normal, overflow)
        self._smallest = min(self._smallest, smallest)

    def _about_mean(
        self, finite: FloatArray, largest: float
    ) -> tuple[int, float, float]:
        """Count, mean, and sum of squared distances from it, of one block.

        Squares are summed about the block's own mean: about 0, the digits of a
        narrow distribution far from 0 would cancel.
        """
        if finite.dtype != np.float64 and not _SAFE[0] < largest < _SAFE[1]:
            finite = finite.astype(np.float64)
        mean = finite.mean()
        centred = np.subtract(finite, mean, out=self._buffer(finite))
        # Squares of float64 beyond 1e154 are infinite: `result` gives no std then.
        with np.errstate(over="ignore"):
            return finite.size, float(mean), float(np.dot(centred, centred))

    def _add_moments(self, n: int, mean: float, squares: float) -> None:
        """Pairwise update of Chan, Golub and LeVeque (1979)."""
        total = self._n_finite + n
        if total == 0:
            return
        delta = mean - self._mean
        self._mean += delta * (n / total)
        self._squares += squares + delta * delta * (self._n_finite * n / total)
        self._n_finite = total
