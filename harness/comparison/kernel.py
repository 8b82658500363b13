"""The inner loop: what two runs of numbers differ by, a block at a time.

Made for outputs of tens of thousands of floats a sample, where the comparison must
cost a few percent of the inference. One block and the scratch for it stay in the
second-level cache, and passes that cannot change the result are skipped. Products are
summed in the data's precision within a block, which BLAS does in many short lanes, and
in float64 over blocks: together a relative error of about 1e-7.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.comparison.sums import ErrorSums
    from harness.core.protocols import Array, FloatArray

BLOCK = 1 << 15

# Where float32 squares neither overflow nor lose what matters to subnormals.
_LEAST_PEAK = 1e-12
_LEAST_SQUARES = 1e-24
# Below this share of r r, what c = r + e gives for r c and c c loses no digits.
_SMALL_ERROR = 1e-2


def blocks(n: int) -> Iterator[slice]:
    """Slices of at most BLOCK that cover range(n)."""
    return (slice(at, min(at + BLOCK, n)) for at in range(0, n, BLOCK))


class _Room:
    """What a block is measured in.

    Args:
        dtype: Of the block.
    """

    def __init__(self, dtype: np.dtype[np.floating]) -> None:
        self.error: FloatArray = np.empty(BLOCK, dtype)
        self.magnitude: FloatArray = np.empty(BLOCK, dtype)
        self.excess: FloatArray = np.empty(BLOCK, dtype)
        self.ones: FloatArray = np.ones(BLOCK, dtype)
        self.mask = np.empty(BLOCK, np.bool_)


class _Rooms(threading.local):
    """A thread's rooms: it measures one block at a time, of whatever outputs."""

    def __init__(self) -> None:
        self._made: dict[np.dtype[np.floating], _Room] = {}

    def of(self, dtype: np.dtype[np.floating]) -> _Room:
        """The one for a dtype."""
        if dtype not in self._made:
            self._made[dtype] = _Room(dtype)
        return self._made[dtype]


_rooms = _Rooms()


class ErrorKernel:
    """Adds blocks to `ErrorSums`, in the precision of the data.

    Args:
        atol: Absolute tolerance of a mismatch.
        rtol: Relative tolerance of a mismatch.
        dtype: float32 or float64; what blocks are cast to.

    Attributes:
        magnitude: After `measure`, |e| in the first n places; 0 where a side is not
            finite. Any kernel of the same thread may write over it.
    """

    def __init__(self, atol: float, rtol: float, dtype: np.dtype[np.floating]) -> None:
        self._atol, self._rtol, self._dtype = atol, rtol, dtype
        self._room = _rooms.of(dtype)
        self._dot = _dot_narrow if dtype == np.float32 else _dot_wide
        self._wide: ErrorKernel | None = None

    @property
    def magnitude(self) -> FloatArray:
        """See the attributes."""
        return self._room.magnitude

    def measure(self, reference: Array, candidate: Array, sums: ErrorSums) -> float:
        """Add a block to `sums`.

        Args:
            reference: Shape (n,), n at most BLOCK.
            candidate: Likewise.
            sums: Taken further, but for `n_elements`.

        Returns:
            The largest |e| over finite pairs.
        """
        self._room = _rooms.of(self._dtype)
        reference = reference.astype(self._dtype, copy=False)
        candidate = candidate.astype(self._dtype, copy=False)
        peak = self._subtract(reference, candidate)
        # A NaN or an infinity on either side leaves one in e, and max carries it here.
        if math.isfinite(peak):
            products = self._products(reference, candidate, peak)
            if self._dtype == np.float64 or _in_range(products, peak):
                self._commit(reference, peak, products, sums)
                return peak
        return self._measure_wide(reference, candidate, sums)

    def _subtract(self, reference: FloatArray, candidate: FloatArray) -> float:
        error = self._room.error[: reference.size]
        magnitude = self.magnitude[: reference.size]
        np.subtract(candidate, reference, out=error)
        np.abs(error, out=magnitude)
        return float(magnitude.max())

    def _products(
        self, reference: FloatArray, candidate: FloatArray, peak: float
    ) -> list[float]:
        """The sums of |e|, e e, r r, c c, r c and r e."""
        n = reference.size
        dot = self._dot
        rr = dot(reference, reference)
        if peak == 0:
            return [0.0, 0.0, rr, rr, rr, 0.0]
        error = self._room.error[:n]
        ee, re = dot(error, error), dot(reference, error)
        e1 = dot(self.magnitude[:n], self._room.ones[:n])
        if ee < _SMALL_ERROR * rr:
            return [e1, ee, rr, rr + 2 * re + ee, rr + re, re]
        rc, cc = dot(reference, candidate), dot(candidate, candidate)
        return [e1, ee, rr, cc, rc, re]

    def _commit(
        self, reference: FloatArray, peak: float, products: list[float], sums: ErrorSums
    ) -> None:
        n = reference.size
        sums.add(products)
        sums.decades.update(self.magnitude[:n], peak, self._room.mask[:n])
        sums.max_abs = max(sums.max_abs, peak)
        # |e| - rtol |r| is at most the peak: most blocks of a good candidate end here.
        if peak > min(self._atol, sums.required_atol):
            self._judge(reference, peak, sums)

    def _judge(self, reference: FloatArray, peak: float, sums: ErrorSums) -> None:
        """Count |e| - rtol |r| > atol and follow the largest of these excesses."""
        n = reference.size
        excess, most = self.magnitude[:n], peak
        if self._rtol:
            excess = self._room.excess[:n]
            np.abs(reference, out=excess)
            excess *= -self._rtol
            excess += self.magnitude[:n]
            most = float(excess.max())
        sums.required_atol = max(sums.required_atol, most)
        if most > self._atol:
            broken = np.greater(excess, self._atol, out=self._room.mask[:n])
            sums.n_mismatched += int(np.count_nonzero(broken))

    def _measure_wide(
        self, reference: FloatArray, candidate: FloatArray, sums: ErrorSums
    ) -> float:
        """In float64, with pairs that are not finite counted and set to 0."""
        wide = self._wide or ErrorKernel(self._atol, self._rtol, np.dtype(np.float64))
        self._wide = wide
        reference, candidate = _finite_pairs(reference, candidate, sums)
        peak = wide.measure(reference, candidate, sums)
        self.magnitude[: reference.size] = wide.magnitude[: reference.size]
        return peak


def _dot_narrow(left: FloatArray, right: FloatArray) -> float:
    return float(np.dot(left, right))


def _dot_wide(left: FloatArray, right: FloatArray) -> float:
    # OpenBLAS spreads float64 dots of this size over threads that then spin for a
    # while, on the cores that the model needs next.
    return float(np.einsum("i,i->", left, right))


def _in_range(products: list[float], peak: float) -> bool:
    """Whether float32 was wide enough for these squares."""
    rr, cc = products[2:4]
    return (
        math.isfinite(sum(products))
        and min(rr, cc) > _LEAST_SQUARES
        and (peak == 0 or peak > _LEAST_PEAK)
    )


def _finite_pairs(
    reference: FloatArray, candidate: FloatArray, sums: ErrorSums
) -> tuple[FloatArray, FloatArray]:
    """Both in float64, 0 where one of them is not finite; those are counted."""
    known, answered = np.isfinite(reference), np.isfinite(candidate)
    finite = known & answered
    alike = (reference == candidate) | (np.isnan(reference) & np.isnan(candidate))
    odd = int(np.count_nonzero(~finite))
    sums.n_unpaired += odd
    sums.n_mismatched += int(np.count_nonzero(~finite & ~alike))
    sums.n_nonfinite += int(np.count_nonzero(~answered))
    sums.n_nonfinite_new += int(np.count_nonzero(known & ~answered))
    sums.decades.discount_zeros(odd)
    wide = np.float64
    return (
        np.where(finite, reference, 0).astype(wide),
        np.where(finite, candidate, 0).astype(wide),
    )
