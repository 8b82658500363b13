"""Who is near whom among samples, on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.shares import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, IntArray

    FloatArray = NDArray[np.float64]

DISTANCES = ("cosine", "euclidean")


def nearness(vectors: Array, distance: str) -> FloatArray:
    """How near each is to each other one: larger is nearer, itself is farthest.

    Args:
        vectors: Shape (n, d).
        distance: One of `DISTANCES`.

    Returns:
        Shape (n, n).
    """
    values = vectors.astype(np.float64)
    if distance == "cosine":
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        values = values / np.where(lengths > 0, lengths, 1.0)
    near: FloatArray = values @ values.T
    if distance == "euclidean":
        squares = np.square(values).sum(axis=1)
        near = 2 * near - squares[:, None] - squares[None, :]
    np.fill_diagonal(near, -np.inf)
    return near


def nearest(near: FloatArray, k: int) -> IntArray:
    """The k nearest of each, nearest first, of equal ones the first; shape (n, k)."""
    return np.argsort(-near, axis=1, kind="stable")[:, :k]


def shared(reference: IntArray, candidate: IntArray) -> FloatArray:
    """Share of each one's nearest that both sides name, shape (n,)."""
    same = (reference[:, :, None] == candidate[:, None, :]).any(axis=2)
    found: FloatArray = same.mean(axis=1)
    return found


def rank_correlations(reference: FloatArray, candidate: FloatArray) -> FloatArray:
    """Spearman's correlation of how near the others are to each, shape (n,).

    Ties take their mean rank; NaN where all are equally near.
    """
    from scipy.stats import rankdata

    # Itself is last on both sides, which is no agreement of anything.
    n = len(reference)
    others = ~np.eye(n, dtype=bool)
    ranks = [
        rankdata(side[others].reshape(n, n - 1), axis=1)
        for side in (reference, candidate)
    ]
    ours, theirs = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    sizes = np.sqrt((ours**2).sum(axis=1) * (theirs**2).sum(axis=1))
    products = (ours * theirs).sum(axis=1)
    return share(products, sizes)


def cosines(reference: Array, candidate: Array) -> FloatArray:
    """Cosine of each pair, shape (n,); 1 where both are 0, 0 where one is."""
    ours, theirs = (side.astype(np.float64) for side in (reference, candidate))
    lengths = [np.linalg.norm(side, axis=1) for side in (ours, theirs)]
    size = lengths[0] * lengths[1]
    found = np.divide(
        (ours * theirs).sum(axis=1), size, out=np.zeros(len(size)), where=size > 0
    )
    both = (lengths[0] == 0) & (lengths[1] == 0)
    return np.clip(np.where(both, 1.0, found), -1.0, 1.0)
