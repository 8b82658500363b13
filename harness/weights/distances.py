"""Distances between two tensors' distributions: what is the same in any order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray

# Pairs of elements that are sorted; beyond, evenly spaced ones.
_SAMPLE = 1 << 16
_BINS = 10
# An empty bin counts as half an element, or its logarithm had no end.
_EMPTY = 0.5


@dataclass(frozen=True, slots=True)
class Distances:
    """Of two distributions.

    Attributes:
        wasserstein: Area between the distribution functions (Wasserstein-1).
        ks: Largest gap between them (Kolmogorov-Smirnov).
        psi: sum (q - p) ln(q / p) over tenths of the reference.
    """

    wasserstein: float
    ks: float
    psi: float


SAME = Distances(0.0, 0.0, 0.0)


def distances(reference: FloatArray, candidate: FloatArray) -> Distances | None:
    """Distances between two tensors of one shape and layout; None where none is finite.

    Exact up to 65,536 elements; beyond, over that many pairs at evenly spaced places,
    the same in both.
    """
    r, c = _paired(reference), _paired(candidate)
    both = np.isfinite(r) & np.isfinite(c)
    if not both.any():
        return None
    r, c = np.sort(r[both]), np.sort(c[both])
    # Of equally many elements, the area lies between elements of one rank.
    wasserstein = float(np.mean(np.abs(c - r)))
    return Distances(wasserstein, _largest_gap(r, c), _stability(r, c))


def _paired(values: FloatArray) -> FloatArray:
    flat = values.reshape(-1) if values.flags.c_contiguous else values.ravel()
    spaced: FloatArray = flat[:: _stride(flat.size)].astype(np.float64)
    return spaced


def _stride(n: int) -> int:
    """Steps without a common factor with n visit the channels of every axis alike."""
    stride = -(-n // _SAMPLE)
    while stride > 1 and math.gcd(stride, n) > 1:
        stride += 1
    return max(stride, 1)


def _largest_gap(r: FloatArray, c: FloatArray) -> float:
    places = np.concatenate([r, c])
    below_r = np.searchsorted(r, places, "right") / r.size
    below_c = np.searchsorted(c, places, "right") / c.size
    return float(np.abs(below_r - below_c).max())


def _stability(r: FloatArray, c: FloatArray) -> float:
    edges = np.unique(np.quantile(r, np.linspace(0, 1, _BINS + 1)[1:-1]))
    p, q = (_shares(x, edges) for x in (r, c))
    return float(np.sum((q - p) * np.log(q / p)))


def _shares(values: FloatArray, edges: FloatArray) -> FloatArray:
    places = np.searchsorted(edges, values, "left")
    counts = np.bincount(places, minlength=edges.size + 1)
    shares: FloatArray = np.where(counts == 0, _EMPTY, counts) / values.size
    return shares
