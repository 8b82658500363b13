"""Vectors that mean something by who is near whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.chance import buckets_of
from harness.comparison.neighbours import (
    DISTANCES,
    cosines,
    nearest,
    nearness,
    rank_correlations,
    shared,
)
from harness.comparison.options import Options
from harness.comparison.paired_sums import PairedSums
from harness.comparison.picking import pick
from harness.comparison.shapes import require_same_shape
from harness.comparison.shares import share
from harness.comparison.subset import Subset
from harness.core.results import TaskComparison, TaskMetric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from harness.comparison.batch import ComparisonBatch
    from harness.core.protocols import Array

    FloatArray = NDArray[np.float64]

_ANCHORS = 1_000
_NUMBERS = 1 << 22
_COSINES = 20_000
_LOW = 0.01


class EmbeddingTask:
    """Cosine to the reference's vectors, and whether the same samples are near.

    Neighbours are looked for among at most 1,000 samples (fewer of vectors beyond 4,194
    numbers), which are drawn by chance and always the same.

    Args:
        options: ``k``: neighbours that are held against each other, 10; ``distance``:
            "cosine" or "euclidean"; ``output``: name, where several could be meant.
        _class_names: Not used.

    Raises:
        SuiteError: An option is not known or not allowed.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        _class_names: Sequence[str] | None = None,
    ) -> None:
        read = Options("embedding", options, ("k", "distance", "output"))
        self._k = read.whole("k", 1) or 10
        self._distance = read.choice("distance", DISTANCES, "cosine")
        self._output = read.text("output")
        self._sums = PairedSums(2)
        self._least = 1.0
        self._cosines = Subset(_COSINES)
        self._kept: Subset | None = None

    def update(self, batch: ComparisonBatch) -> None:
        """Take in vectors, shape (n, ...) on either side.

        Raises:
            ShapeMismatchError: They are of different lengths.
            ComparisonError: Nothing tells which output is meant.
        """
        if self._output is None or self._output not in batch.reference:
            self._output = pick(
                batch.reference, self._output, _is_vector, "embed|feature", "output"
            )
        sides = [side[self._output] for side in (batch.reference, batch.candidate)]
        require_same_shape(self._output, sides[0], self._output, sides[1])
        vectors = [side.reshape(len(side), -1) for side in sides]
        found = cosines(vectors[0], vectors[1])
        if not len(found):
            return
        buckets = buckets_of(batch.samples, batch.groups)
        ones = np.ones((len(found), 2))
        self._sums.update(buckets, ones, np.stack([found, ones[:, 0]], axis=1))
        self._least = min(self._least, float(np.nan_to_num(found, nan=-1.0).min()))
        self._cosines.update(batch.samples, {"cosine": found})
        self._keep(batch, vectors, buckets)

    def merge(self, other: EmbeddingTask) -> None:
        """Take in all that another task with the same options has seen."""
        self._sums.merge(other._sums)
        self._least = min(self._least, other._least)
        self._cosines.merge(other._cosines)
        if self._kept is None:
            self._kept = Subset(_ANCHORS if other._kept is None else other._kept.limit)
        if other._kept is not None:
            self._kept.merge(other._kept)

    def result(self) -> TaskComparison | None:
        """Metrics over all samples; None when there were none."""
        n = self._sums.n
        if not n or self._kept is None:
            return None
        low = float(np.quantile(self._cosines.arrays()["cosine"], _LOW))
        metrics = (
            *self._near(self._kept),
            *self._sums.metrics(_mean, {"cosine_mean"}),
            TaskMetric("cosine_p01", n, 1.0, low),
            TaskMetric("cosine_min", n, 1.0, self._least),
        )
        notes = []
        if not self._kept.complete:
            notes.append(
                f"neighbours are looked for among {len(self._kept.samples):,} of {n:,}"
                " samples"
            )
        if not self._cosines.complete:
            notes.append(f"cosine_p01 is over {_COSINES:,} of {n:,} samples")
        return TaskComparison("embedding", n, metrics, notes=tuple(notes))

    def _keep(
        self, batch: ComparisonBatch, vectors: Sequence[Array], buckets: Array
    ) -> None:
        if self._kept is None:
            width = max(1, vectors[0].shape[1])
            self._kept = Subset(max(50, min(_ANCHORS, _NUMBERS // width)))
        labels = batch.labels
        unknown = np.full(len(buckets), -1)
        arrays = {
            "reference": vectors[0],
            "candidate": vectors[1],
            "bucket": buckets,
            "label": unknown if labels is None else labels,
        }
        self._kept.update(batch.samples, arrays)

    def _near(self, kept: Subset) -> tuple[TaskMetric, ...]:
        arrays = kept.arrays()
        n = len(kept.samples)
        k = min(self._k, n - 1)
        if k < 1:
            return ()
        near = [nearness(arrays[x], self._distance) for x in ("reference", "candidate")]
        names = [nearest(side, k) for side in near]
        sums = PairedSums(6)
        rest = _labelled(arrays["label"], names)
        ranks = rank_correlations(near[0], near[1])
        agreed = (shared(names[0], names[1]), ranks)
        perfect = np.ones(n)
        sums.update(
            arrays["bucket"],
            _columns(perfect, perfect, ranks, rest[0], rest[2]),
            _columns(agreed[0], agreed[1], ranks, rest[1], rest[2]),
        )

        def values(found: FloatArray) -> dict[str, FloatArray]:
            shares = {
                "neighbour_agreement": share(found[:, 0], found[:, 5]),
                "rank_agreement": share(found[:, 1], found[:, 2]),
            }
            if rest[2].any():
                shares["recall_at_1"] = share(found[:, 3], found[:, 4])
            return shares

        return sums.metrics(values, {"neighbour_agreement", "rank_agreement"})


def _columns(
    agreed: FloatArray,
    ranked: FloatArray,
    ranks: FloatArray,
    right: Array,
    labelled: Array,
) -> FloatArray:
    known = ~np.isnan(ranks)
    columns = (agreed, np.where(known, ranked, 0.0), known, right, labelled)
    return np.stack([*columns, np.ones(len(agreed))], axis=1).astype(np.float64)


def _labelled(labels: Array, names: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Whether the nearest is of the same class, and whether another one is at all."""
    counts = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    others = np.array([one >= 0 and counts[one] > 1 for one in labels.tolist()], bool)
    before, after = (labels[side[:, 0]] == labels for side in names)
    return before & others, after & others, others


def _mean(sums: FloatArray) -> dict[str, FloatArray]:
    return {"cosine_mean": share(sums[:, 0], sums[:, 1])}


def _is_vector(array: Array) -> bool:
    return array.ndim >= 2 and array.dtype.kind in "iuf"
