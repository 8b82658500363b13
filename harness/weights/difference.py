"""How far a tensor is from another of the same shape, streamed in small pieces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray

_PIECE = 1 << 16


@dataclass(slots=True)
class Difference:
    """Sums over pairs of elements, reference r and candidate c, in float64.

    Pairs with a NaN or an infinity on either side count as changed, unless both
    sides hold the same, and are in no sum.

    Attributes:
        n: Pairs.
        n_changed: Pairs that differ at all.
        n_nonfinite: Candidate elements that are NaN or infinite.
        n_sign_flips: Pairs of which one is above 0 and the other below.
        max_abs_error: max |c - r|.
        sum_abs_error: sum |c - r|.
        squared_error: sum (c - r)^2.
        rr: sum r^2.
        rc: sum r c.
        cc: sum c^2.
    """

    n: int = 0
    n_changed: int = 0
    n_nonfinite: int = 0
    n_sign_flips: int = 0
    max_abs_error: float = 0.0
    sum_abs_error: float = 0.0
    squared_error: float = 0.0
    rr: float = 0.0
    rc: float = 0.0
    cc: float = 0.0

    def update(self, reference: FloatArray, candidate: FloatArray) -> None:
        """Take in a piece of both; 1-D, of one length."""
        self.n += reference.size
        same = (reference == candidate) | (np.isnan(reference) & np.isnan(candidate))
        self.n_changed += reference.size - int(np.count_nonzero(same))
        finite = np.isfinite(candidate)
        self.n_nonfinite += reference.size - int(np.count_nonzero(finite))
        both = finite & np.isfinite(reference)
        r = reference[both].astype(np.float64)
        c = candidate[both].astype(np.float64)
        error = np.abs(c - r)
        flipped = (np.signbit(r) != np.signbit(c)) & (r != 0) & (c != 0)
        self.n_sign_flips += int(np.count_nonzero(flipped))
        self.max_abs_error = max(self.max_abs_error, float(error.max(initial=0)))
        self.sum_abs_error += float(error.sum())
        self.squared_error += _dot(error, error)
        self.rr += _dot(r, r)
        self.rc += _dot(r, c)
        self.cc += _dot(c, c)

    def merge(self, other: Self) -> None:
        """Take in all that `other` has seen."""
        self.max_abs_error = max(self.max_abs_error, other.max_abs_error)
        for name in self.__slots__:
            if name != "max_abs_error":
                setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def mean_abs_error(self) -> float:
        """Mean of |c - r| over all pairs; 0 for no pairs."""
        return self.sum_abs_error / self.n if self.n else 0.0

    @property
    def sqnr_db(self) -> float | None:
        """10 log10(rr / squared_error); None when equal or for a zero reference."""
        if self.n_changed == 0 or self.rr == 0 or self.squared_error == 0:
            return None
        return 10 * math.log10(self.rr / self.squared_error)

    @property
    def cosine_similarity(self) -> float | None:
        """Exactly 1 for equal tensors; None where either side is zero."""
        norms = math.sqrt(self.rr) * math.sqrt(self.cc)
        if norms == 0:
            return None
        cosine = 1.0 if self.n_changed == 0 else self.rc / norms
        return min(1.0, max(-1.0, cosine))

    @property
    def gain(self) -> float | None:
        """The a for which a r is nearest to c; None for a zero reference."""
        return self.rc / self.rr if self.rr > 0 else None

    @property
    def gain_residual(self) -> float:
        """|c - a r| / |c|: 0 where a gain explains all."""
        if self.rr == 0 or self.cc == 0:
            return 0.0 if self.cc == 0 else 1.0
        left = 1 - self.rc / self.rr * (self.rc / self.cc)
        return math.sqrt(max(left, 0.0))


def difference(reference: FloatArray, candidate: FloatArray) -> Difference:
    """Compare two arrays of one shape, however they lie in memory."""
    found = Difference()
    for r, c in _pieces(reference, candidate):
        found.update(r, c)
    return found


def _dot(one: FloatArray, other: FloatArray) -> float:
    # BLAS shares so small a product among threads and waits for them.
    return float(np.einsum("i,i->", one, other))


def _pieces(
    reference: FloatArray, candidate: FloatArray
) -> Iterator[tuple[FloatArray, FloatArray]]:
    iterator = np.nditer(
        [reference, candidate],
        flags=["external_loop", "buffered", "zerosize_ok"],
        order="C",
        buffersize=_PIECE,
    )
    # The iterator reuses its buffers: each pair is done with before the next.
    yield from iterator
