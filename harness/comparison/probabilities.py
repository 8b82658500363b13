"""Class scores as probabilities, and how far these can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, IntArray

    FloatArray = NDArray[np.float64]

KINDS = ("auto", "logits", "probabilities")
# Eight bits a class leave a softmax that is one to about this.
_ROUNDING = 0.02
_LEAST = float(np.finfo(np.float32).eps)


def probabilities(scores: Array, kind: str) -> FloatArray:
    """Columns that sum to one, in float64; zeros where a score is NaN.

    Classes come first: numpy adds up long rows many times faster than short ones.

    Args:
        scores: Shape (n, classes).
        kind: "logits" go through a softmax, "probabilities" are divided by their sum,
            "auto" looks at each sample: one of no negative numbers whose sum is one,
            but for rounding to eight bits, holds probabilities.

    Returns:
        Shape (classes, n).
    """
    values: FloatArray = np.array(scores.T, dtype=np.float64, order="C")
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        sums = values.sum(axis=0)
        ready = np.full(len(sums), kind == "probabilities")
        if kind == "auto":
            ready = (values.min(axis=0) >= 0) & (np.abs(sums - 1) <= _ROUNDING)
        if ready.all():
            values /= sums
        else:
            values[:, ready] /= sums[ready]
            values[:, ~ready] = _softmax(values[:, ~ready])
        broken = ~np.isfinite(values.sum(axis=0))
    if broken.any():
        values[:, broken] = 0.0
    return values


def _softmax(values: FloatArray) -> FloatArray:
    powers: FloatArray = values - values.max(axis=0)
    np.exp(powers, out=powers)
    powers /= powers.sum(axis=0)
    return powers


def losses(likely: FloatArray, truth: IntArray) -> FloatArray:
    """Likelihood and Brier score of each sample.

    -log p(truth), with p at least float32's epsilon; and sum (p - truth)^2 (Brier
    1950, over all classes).

    Args:
        likely: Probabilities, shape (classes, n).
        truth: Class indices, shape (n,).

    Returns:
        Shape (2, n).
    """
    own = likely[truth, np.arange(len(truth))]
    brier = np.einsum("ij,ij->j", likely, likely) - 2 * own + 1
    return np.stack([-np.log(np.clip(own, _LEAST, 1.0)), brier])


def confidences(likely: FloatArray, bins: int) -> tuple[FloatArray, IntArray]:
    """The top class's probability, and its bin: of equal width, open below.

    Guo et al. (2017), "On calibration of modern neural networks".

    Args:
        likely: Probabilities, shape (classes, n).
        bins: Bins of [0, 1].

    Returns:
        Probability and bin of each sample, shape (n,) each.
    """
    top = likely.max(axis=0)
    places = np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)
    return top, places
