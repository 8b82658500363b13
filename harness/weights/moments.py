"""Range, moments and float16 risk of a stream of numbers, in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from harness.weights.half_range import magnitudes
from harness.weights.kernels import Powers, combined
from harness.weights.squares import Squares, dot, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array, FloatArray

# 512 KB of float64, and what else is made of them, fit a core's second-level cache.
_STEP = 1 << 16
_NONE: Powers = (0.0, 0.0, 0.0, 0.0, 0.0)


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
        skewness: Third standardized moment, biased as in scipy.stats.skew; None
            also where all elements are the same but for rounding.
        kurtosis: Fourth standardized moment less 3, likewise: 0 for a normal
            distribution.
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
    skewness: float | None = None
    kurtosis: float | None = None

    @property
    def n_finite(self) -> int:
        """Elements that are neither NaN nor infinite."""
        return self.n - self.n_nonfinite

    def share(self, count: int) -> float:
        """`count` as a share of the finite elements; 0 where there are none."""
        return count / self.n_finite if self.n_finite else 0.0


class Moments:
    """Streaming `Spread` of 1-D blocks of any real type.

    Args:
        quick: Whether blocks of float32 may be multiplied in float32, by `Squares`.
    """

    def __init__(self, *, quick: bool = False) -> None:
        self._squares = Squares() if quick else None
        self._n = 0
        self._powers: Powers = _NONE
        self._low = math.inf
        self._high = -math.inf
        self._smallest = math.inf
        self._below = np.zeros(4, np.int64)
        self._scratch = np.empty((2, 0))

    def update(self, batch: Array, extremes: tuple[float, float] | None = None) -> None:
        """Take in a block.

        Args:
            batch: The block.
            extremes: Its smallest and largest element, where they are known; one of
                both is not finite where an element is not.
        """
        if self._squares and extremes and fits(batch, extremes):
            powers, smallest, below = self._squares.look(batch, self._smallest)
            self.add(batch.size, powers, (*extremes, smallest), below)
            return
        for start in range(0, batch.size, _STEP):
            self._update(in_float(batch[start : start + _STEP]))

    def add(
        self,
        n: int,
        powers: Powers,
        extremes: tuple[float, float, float],
        below: Sequence[int],
    ) -> None:
        """Take in what a compiled pass found.

        Args:
            n: Elements, those that are not finite among them.
            powers: Over the finite ones.
            extremes: Smallest, largest, and smallest non-zero magnitude; infinity,
                minus infinity and infinity where there is none.
            below: Zeros, elements that float16 rounds to 0, to less than a normal
                number, to infinity.
        """
        self._n += n
        low, high, smallest = extremes
        # Adding 0 turns -0 into 0.
        self._low, self._high = min(self._low, low) + 0.0, max(self._high, high) + 0.0
        self._smallest = min(self._smallest, smallest)
        self._below += below
        self._powers = combined(self._powers, powers)

    def merge(self, other: Self) -> None:
        """Take in all that `other` has seen."""
        extremes = (other._low, other._high, other._smallest)
        self.add(other._n, other._powers, extremes, other._below.tolist())

    def result(self) -> Spread:
        """The spread of all that was seen."""
        n_finite, mean, *_ = self._powers
        some = n_finite > 0
        zero, flushed, below_normal, overflow = self._below.tolist()
        std, skewness, kurtosis = self._shape() if some else (None, None, None)
        return Spread(
            n=self._n,
            n_nonfinite=self._n - int(n_finite),
            min=self._low if some else None,
            max=self._high if some else None,
            smallest_nonzero=None if math.isinf(self._smallest) else self._smallest,
            mean=mean if some else None,
            std=std,
            n_zero=zero,
            n_fp16_zero=flushed - zero,
            n_fp16_subnormal=below_normal - flushed,
            n_fp16_overflow=overflow,
            skewness=skewness,
            kurtosis=kurtosis,
        )

    def _shape(self) -> tuple[float | None, float | None, float | None]:
        """Standard deviation, skewness and kurtosis."""
        n, mean, second, third, fourth = self._powers
        if self._low == self._high:
            return 0.0, None, None
        std = math.sqrt(second / n) if math.isfinite(second) else None
        # What is left of a spread this narrow is rounding.
        if std is None or std <= 1e-15 * abs(mean):
            return std, None, None
        skewness = third / n / std / std / std
        kurtosis = fourth / n / std / std / std / std - 3
        known = math.isfinite(skewness) and math.isfinite(kurtosis)
        return (std, skewness, kurtosis) if known else (std, None, None)

    def _update(self, block: FloatArray) -> None:
        low, high = float(block.min()), float(block.max())
        # NaN and infinity show in the extremes: no look at each element is needed.
        if math.isfinite(low) and math.isfinite(high):
            smallest, below = magnitudes(block, max(-low, high))
            powers = self._about_mean(block)
            self.add(block.size, powers, (low, high, smallest), below)
            return
        finite = block[np.isfinite(block)]
        self._n += block.size - finite.size
        if finite.size:
            self._update(finite)

    def _about_mean(self, finite: FloatArray) -> Powers:
        """Powers about the block's own mean.

        About 0, the digits of a narrow distribution far from 0 would cancel.
        """
        if self._scratch.shape[1] < finite.size:
            self._scratch = np.empty((2, finite.size))
        centred, square = self._scratch[:, : finite.size]
        centred[...] = finite
        # float64 beyond 1e77 has an infinite fourth power: `result` tells so.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            mean = float(centred.mean())
            centred -= mean
            np.multiply(centred, centred, out=square)
            third, fourth = dot(square, centred), dot(square, square)
            return float(finite.size), mean, float(square.sum()), third, fourth


def in_float(block: Array) -> FloatArray:
    """A block as float32 or float64, whichever holds its type; a view if it is one."""
    if block.dtype in (np.float32, np.float64):
        return block
    narrow = block.dtype.itemsize <= 2
    return block.astype(np.float32 if narrow else np.float64)
