"""Classification beyond the top class: ranks, probabilities, averages over classes.

Decisions themselves are `classification.LabelMetric`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.chance import buckets_of
from harness.comparison.options import Options
from harness.comparison.paired_sums import PairedSums
from harness.comparison.probabilities import (
    KINDS,
    confidences,
    losses,
    probabilities,
)
from harness.comparison.regressions import Regressions
from harness.comparison.shares import mean_over, share
from harness.comparison.tasks.classification import decisions, find_scores
from harness.core.results import TaskComparison

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from harness.comparison.batch import ComparisonBatch
    from harness.core.protocols import Array, IntArray

    FloatArray = NDArray[np.float64]

BINS = 15
# With more, sums of each class in each bucket would take tens of megabytes.
_MOST_CLASSES = 64
_USUAL_TOP = 5
_NO_LABELS = "no labels: the reference's top class is the truth"


class ClassificationTask:
    """Top-k accuracy, calibration, likelihood, and averages over classes.

    Args:
        options: ``top_k``: one k or a list of them, 5 where there are more than 10
            classes; ``scores``: "logits", "probabilities" or "auto" (a row that is
            one is taken for probabilities, others go through a softmax); ``output``:
            the scores' name.
        class_names: Of the golden data.

    Raises:
        SuiteError: An option is not known or not allowed.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        class_names: Sequence[str] | None = None,
    ) -> None:
        read = Options("classification", options, ("top_k", "scores", "output"))
        self._tops = read.wholes("top_k", ()) if "top_k" in read else None
        self._kind = read.choice("scores", KINDS, "auto")
        self._output = read.text("output")
        self._class_names = class_names
        self._sums: PairedSums | None = None
        self._classes: PairedSums | None = None
        self._bins = PairedSums(3 * BINS)
        self._regressions = Regressions()
        self._truthless = False

    def update(self, batch: ComparisonBatch) -> None:
        """Take in scores, shape (n, classes) on either side.

        Raises:
            ComparisonError: No output, or no single one, holds one score a class.
        """
        self._output = self._output or find_scores(batch.reference, self._class_names)
        sides = [side[self._output] for side in (batch.reference, batch.candidate)]
        tops = [decisions(scores) for scores in sides]
        truth = batch.labels
        if truth is None:
            self._truthless = True
            truth = np.minimum(tops[0], sides[0].shape[1] - 1)
        before, after = (top == truth for top in tops)
        self._regressions.update(before, after, batch.groups)
        buckets = buckets_of(batch.samples, batch.groups)
        self._begin(sides[0].shape[1])
        assert self._sums is not None  # just begun
        assert self._classes is not None
        likely = [probabilities(scores, self._kind) for scores in sides]
        rows = [
            self._scored(*side, truth) for side in zip(sides, tops, likely, strict=True)
        ]
        self._sums.update(buckets, rows[0], rows[1])
        old, new = (self._counted(top, truth) for top in tops)
        self._classes.count(buckets, old, new)
        if not self._truthless:
            sure = [_binned(p, t == truth) for p, t in zip(likely, tops, strict=True)]
            (old, less), (new, more) = sure
            self._bins.count(buckets, old, new, (less, more))

    def merge(self, other: ClassificationTask) -> None:
        """Take in all that another task of the same classes has seen."""
        if other._sums is None or other._classes is None:
            return
        self._output, self._tops = other._output, other._tops
        self._begin(other._width)
        assert self._sums is not None  # just begun
        assert self._classes is not None
        self._sums.merge(other._sums)
        self._classes.merge(other._classes)
        self._bins.merge(other._bins)
        self._regressions.merge(other._regressions)
        self._truthless |= other._truthless

    def result(self) -> TaskComparison | None:
        """Metrics over all samples; None when there were none."""
        if self._sums is None or self._classes is None or not self._sums.n:
            return None
        ranked = self._sums.metrics(self._rank_shares, self._facts)
        rest = () if self._truthless else self._sums.metrics(_likelihoods)
        sure = () if self._truthless else self._bins.metrics(_calibration)
        averaged = () if self._truthless else self._classes.metrics(_averages)
        return TaskComparison(
            task="classification",
            n=self._sums.n,
            metrics=(*ranked, *averaged, *rest, *sure),
            notes=(_NO_LABELS,) if self._truthless else (),
            n_regressed=self._regressions.lost,
            n_improved=self._regressions.won,
            group_losses=self._regressions.group_losses,
        )

    @property
    def _facts(self) -> tuple[str, ...]:
        return tuple(self._rank_names()) if self._truthless else ()

    def _begin(self, width: int) -> None:
        if self._sums is not None:
            return
        self._width = width
        if self._tops is None:
            self._tops = (_USUAL_TOP,) if width > 2 * _USUAL_TOP else ()
        self._sums = PairedSums(2 + len(self._tops) + 2)
        few = width <= _MOST_CLASSES
        self._classes = PairedSums(3 * width) if few else PairedSums(3 * width, 1)

    def _rank_names(self) -> list[str]:
        return ["accuracy", *(f"top_{k}_accuracy" for k in self._tops or ())]

    def _rank_shares(self, sums: FloatArray) -> dict[str, FloatArray]:
        start = sums.shape[1] - 1 - len(self._rank_names())
        names = self._rank_names()
        return {
            name: share(sums[:, start + i], sums[:, -1]) for i, name in enumerate(names)
        }

    def _scored(
        self, scores: Array, tops: IntArray, likely: FloatArray, truth: IntArray
    ) -> FloatArray:
        """What samples add to: losses, ranks, and a count; shape (n, columns)."""
        hits = [tops == truth]
        if self._tops:
            ranks = _ranks(scores, truth)
            hits += [ranks < k for k in self._tops]
        return np.vstack([losses(likely, truth), *hits, np.ones(len(truth))]).T

    def _counted(self, tops: IntArray, truth: IntArray) -> IntArray:
        """Columns that samples count in: hits, true ones, predicted ones of a class."""
        width = self._width
        hits = np.where(tops == truth, truth, -1)
        claimed = np.where(tops < width, 2 * width + tops, -1)
        return np.stack([hits, width + truth, claimed], axis=1)


def _ranks(scores: Array, truth: IntArray) -> IntArray:
    """Classes before the true one, of equal scores the first; all where one is NaN."""
    own = scores[np.arange(len(truth)), truth][:, None]
    before = np.arange(scores.shape[1]) < truth[:, None]
    ranks: IntArray = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    if scores.dtype.kind == "f":
        ranks[np.isnan(scores).any(axis=1)] = scores.shape[1]
    return ranks


def _likelihoods(sums: FloatArray) -> dict[str, FloatArray]:
    n = sums[:, -1]
    return {
        "log_loss": share(sums[:, 0], n),
        "brier_loss": share(sums[:, 1], n),
    }


def _calibration(sums: FloatArray) -> dict[str, FloatArray]:
    right, sure, n = np.moveaxis(sums.reshape(len(sums), 3, BINS), 1, 0)
    error = share(np.abs(right - sure).sum(axis=1), n.sum(axis=1))
    return {"expected_calibration_error": error}


def _binned(likely: FloatArray, right: Array) -> tuple[IntArray, FloatArray]:
    """Columns that samples add to, and how much: hits, probabilities, samples."""
    top, places = confidences(likely, BINS)
    columns = np.stack([places, BINS + places, 2 * BINS + places], axis=1)
    return columns, np.stack([right, top, np.ones(len(top))], axis=1)


def _averages(sums: FloatArray) -> dict[str, FloatArray]:
    """Over classes that are true or predicted, and over those that are true."""
    hits, true, predicted = np.moveaxis(sums.reshape(len(sums), 3, -1), 1, 0)
    return {
        "balanced_accuracy": mean_over(share(hits, true)),
        "macro_f1": mean_over(share(2 * hits, true + predicted)),
    }
