"""Average precision of labels: scores are kept, of a bounded number of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.jackknife import PARTS, with_jackknife
from harness.comparison.shares import mean_over, share
from harness.comparison.subset import Subset
from harness.core.results import TaskMetric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, IntArray

    FloatArray = NDArray[np.float64]

_SAMPLES = 20_000
_SCORES = 1 << 21


@dataclass(frozen=True, slots=True)
class Precisions:
    """Average precision of both sides.

    Attributes:
        mean: Over classes with a positive sample.
        per_class: In the order of the columns.
        note: How many samples it is over, where these are not all.
    """

    mean: TaskMetric
    per_class: tuple[TaskMetric, ...]
    note: str | None


class RankedScores:
    """Keeps scores and truth of at most 20,000 samples, fewer with many classes.

    Args:
        n_classes: Columns.
    """

    def __init__(self, n_classes: int) -> None:
        limit = max(100, min(_SAMPLES, _SCORES // max(1, n_classes)))
        self._kept = Subset(limit)

    def update(
        self,
        samples: IntArray,
        buckets: IntArray,
        sides: tuple[Array, Array],
        truth: Array,
    ) -> None:
        """Take in scores of shape (n, classes) on either side, truth of bool."""
        reference, candidate = sides
        self._kept.update(
            samples,
            {
                "reference": reference,
                "candidate": candidate,
                "truth": truth,
                "part": buckets % PARTS,
            },
        )

    def merge(self, other: RankedScores) -> None:
        """Take in all that another has kept."""
        self._kept.merge(other._kept)

    def result(self, *, fact: bool) -> Precisions:
        """Average precision over what was kept, by scikit-learn's definition.

        Args:
            fact: Whether the reference is right by definition.
        """
        kept = self._kept.arrays()
        weights = _weights(kept["part"])
        sides = [
            _of_classes(kept[side], kept["truth"], weights)
            for side in ("reference", "candidate")
        ]
        n = len(weights[0])
        mean = _paired("mean_average_precision", n, *map(mean_over, sides), fact=fact)
        per_class = tuple(
            _paired("average_precision", n, before, after, fact=fact)
            for before, after in zip(*(side.T for side in sides), strict=True)
        )
        note = f"average precision is over {n:,} of {self._kept.n_seen:,} samples"
        return Precisions(mean, per_class, None if self._kept.complete else note)


def average_precisions(scores: Array, truth: Array, weights: FloatArray) -> FloatArray:
    """Sum over thresholds of (R_k - R_(k-1)) P_k, once a row of weights.

    Args:
        scores: Shape (n,); NaN is below all others.
        truth: Shape (n,) of bool.
        weights: Of samples, shape (rounds, n).

    Returns:
        Shape (rounds,); NaN where nothing is true.
    """
    ranked = np.where(np.isnan(scores), -np.inf, scores)
    order = np.argsort(-ranked, kind="stable")
    found = ranked[order]
    last = np.append(np.flatnonzero(found[1:] != found[:-1]), len(found) - 1)
    hits = np.cumsum(weights[:, order] * truth[order], axis=1)
    seen = np.cumsum(weights[:, order], axis=1)[:, last]
    recall = share(hits[:, last], np.broadcast_to(hits[:, -1:], hits[:, last].shape))
    precision = np.nan_to_num(share(hits[:, last], seen))
    steps = np.diff(recall, axis=1, prepend=0.0)
    summed: FloatArray = (steps * precision).sum(axis=1)
    return summed


def _of_classes(scores: Array, truth: Array, weights: FloatArray) -> FloatArray:
    """Shape (rounds, classes)."""
    columns = zip(scores.T.astype(np.float64), truth.T, strict=True)
    return np.stack([average_precisions(s, t, weights) for s, t in columns], axis=1)


def _weights(parts: IntArray) -> FloatArray:
    """All samples in the first row, and all but those of one part in the others."""
    present = np.unique(parts)
    without = (parts[None, :] != present[:, None]).astype(np.float64)
    return np.vstack([np.ones(len(parts)), without])


def _paired(
    name: str, n: int, reference: FloatArray, candidate: FloatArray, *, fact: bool
) -> TaskMetric:
    before, after = (
        None if np.isnan(side[0]) else float(side[0]) for side in (reference, candidate)
    )
    reason = "no positive sample" if before is None or after is None else None
    metric = TaskMetric(name, n, before, after, unscored=reason)
    changes = (candidate[1:] - reference[1:]).tolist()
    return with_jackknife(metric, changes, fact=fact)
