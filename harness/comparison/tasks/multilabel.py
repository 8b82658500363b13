"""Labels that hold side by side, each decided by a threshold; one of them is binary."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.comparison.chance import buckets_of
from harness.comparison.options import Options
from harness.comparison.paired_sums import PairedSums
from harness.comparison.picking import pick, pick_target
from harness.comparison.ranked import RankedScores
from harness.comparison.regressions import Regressions
from harness.comparison.shares import mean_over, share
from harness.core.errors import ComparisonError
from harness.core.results import PartComparison, TaskComparison, TaskMetric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from harness.comparison.batch import ComparisonBatch
    from harness.comparison.ranked import Precisions
    from harness.core.protocols import Array

    FloatArray = NDArray[np.float64]

_KNOWN = ("threshold", "logits", "output", "target")
_SCORES = "prob|score|logit|sigmoid"
_LABELS = "labels?|targets?|truth"
_TRUTHLESS = "no labels: the reference's decisions are the truth"
_AGREEMENTS = frozenset({"agreement", "label_agreement"})


class MultilabelTask:
    """F1, recall and precision of each label, whole sets, and average precision.

    Args:
        options: ``threshold``: at or above it a label holds, one number or one a
            class, 0.5; ``logits``: whether scores go through a sigmoid first;
            ``output``, ``target``: names, where several could be meant.
        class_names: Of the labels.

    Raises:
        SuiteError: An option is not known or not allowed.
    """

    _task: ClassVar[str] = "multilabel"

    def __init__(
        self,
        options: Mapping[str, object],
        class_names: Sequence[str] | None = None,
    ) -> None:
        read = Options(self._task, options, _KNOWN)
        self._thresholds = np.array(read.numbers("threshold", 0.5))
        if class_names and len(self._thresholds) not in (1, self._width(class_names)):
            raise read.refused(
                "threshold", f"one number, or {self._width(class_names)}"
            )
        self._logits = read.flag("logits")
        self._output, self._target = read.text("output"), read.text("target")
        self._names = self._label_names(class_names)
        self._sums: PairedSums | None = None
        self._ranked: RankedScores | None = None
        self._regressions = Regressions()
        self._truthless = False

    def update(self, batch: ComparisonBatch) -> None:
        """Take in scores, shape (n, labels) on either side.

        Raises:
            ComparisonError: Outputs are not one score a label, labels are not 0 and 1,
                or nothing tells which output or target is meant.
        """
        if self._output is None or self._output not in batch.reference:
            self._output = pick(
                batch.reference, self._output, self._fits, _SCORES, "output of scores"
            )
        reference, candidate = (
            self._scores(side[self._output])
            for side in (batch.reference, batch.candidate)
        )
        decided = [self._decide(scores) for scores in (reference, candidate)]
        truth = self._truth(batch, decided[0])
        before, after = ((side == truth).all(axis=1) for side in decided)
        self._regressions.update(before, after, batch.groups)
        buckets = buckets_of(batch.samples, batch.groups)
        self._begin(truth.shape[1])
        assert self._sums is not None  # just begun
        assert self._ranked is not None
        counted = [_counted(side, truth, decided[0]) for side in decided]
        self._sums.update(buckets, *counted)
        self._ranked.update(batch.samples, buckets, (reference, candidate), truth)

    def merge(self, other: MultilabelTask) -> None:
        """Take in all that another task of the same labels has seen."""
        if other._sums is None or other._ranked is None:
            return
        self._begin((other._sums.totals[0].shape[0] - 4) // 3)
        assert self._sums is not None  # just begun
        assert self._ranked is not None
        self._sums.merge(other._sums)
        self._ranked.merge(other._ranked)
        self._regressions.merge(other._regressions)
        self._truthless |= other._truthless

    def result(self) -> TaskComparison | None:
        """Metrics over all samples; None when there were none."""
        if self._sums is None or self._ranked is None or not self._sums.n:
            return None
        facts = set(self._values(self._sums.totals[0][None]))
        metrics = self._sums.metrics(
            self._values, facts if self._truthless else _AGREEMENTS
        )
        precisions = self._ranked.result(fact=self._truthless)
        notes = (precisions.note, _TRUTHLESS if self._truthless else None)
        return TaskComparison(
            task=self._task,
            n=self._sums.n,
            metrics=(*metrics, precisions.mean),
            per_class=self._per_class(precisions),
            notes=tuple(note for note in notes if note),
            n_regressed=self._regressions.lost,
            n_improved=self._regressions.won,
            group_losses=self._regressions.group_losses,
        )

    def _width(self, _class_names: Sequence[str]) -> int:
        return len(_class_names)

    def _label_names(self, class_names: Sequence[str] | None) -> Sequence[str] | None:
        return class_names

    def _fits(self, array: Array) -> bool:
        width = len(self._names) if self._names else None
        numeric = array.dtype.kind in "iufb"
        return numeric and array.ndim == 2 and width in (None, array.shape[1])

    def _scores(self, array: Array) -> FloatArray:
        """Shape (n, labels), in float64."""
        if array.ndim != 2:
            raise ComparisonError(
                f"output {self._output!r} has shape {array.shape}, not one score a"
                " label: (samples, labels)",
                hint="name the output with the scores in [task]: output = ...",
            )
        return _sigmoid(array) if self._logits else array.astype(np.float64)

    def _decide(self, scores: FloatArray) -> Array:
        if len(self._thresholds) not in (1, scores.shape[1]):
            raise ComparisonError(
                f"{len(self._thresholds)} thresholds for {scores.shape[1]} labels",
                hint="give one threshold, or one a label",
            )
        return scores >= self._thresholds

    def _truth(self, batch: ComparisonBatch, decided: Array) -> Array:
        found = self._labels(batch)
        if found is None:
            self._truthless = True
            return decided
        if found.shape != decided.shape or not np.isin(found, (0, 1)).all():
            raise ComparisonError(
                f"labels of shape {found.shape} are not 0 or 1 for each of "
                f"{decided.shape[1]} labels",
                hint="store labels as 0 and 1, shape (samples, labels)",
            )
        return found.astype(bool)

    def _labels(self, batch: ComparisonBatch) -> Array | None:
        return pick_target(batch.targets, self._target, _LABELS, "labels")

    def _begin(self, width: int) -> None:
        if self._sums is None:
            self._sums = PairedSums(3 * width + 4)
            self._ranked = RankedScores(width)

    def _values(self, sums: FloatArray) -> dict[str, FloatArray]:
        hits, true, claimed = np.moveaxis(sums[:, :-4].reshape(len(sums), 3, -1), 1, 0)
        whole, wrong, agreed, n = sums[:, -4:].T
        cells = n * hits.shape[1]
        return {
            "macro_f1": mean_over(share(2 * hits, true + claimed)),
            "micro_f1": share(2 * hits.sum(axis=1), (true + claimed).sum(axis=1)),
            "subset_accuracy": share(whole, n),
            "hamming_loss": share(wrong, cells),
            "label_agreement": share(agreed, cells),
        }

    def _per_class(self, precisions: Precisions) -> tuple[PartComparison, ...]:
        assert self._sums is not None  # the caller looked
        sides = [side[:-4].reshape(3, -1) for side in self._sums.totals]
        true = sides[0][1].astype(np.int64).tolist()
        names = self._names or [str(i) for i in range(len(true))]
        return tuple(
            PartComparison(
                name,
                true[i],
                (*_of_label(true[i], sides[0][:, i], sides[1][:, i]), precise),
            )
            for i, (name, precise) in enumerate(
                zip(names, precisions.per_class, strict=True)
            )
        )


class BinaryTask(MultilabelTask):
    """One yes or no a sample, as the only label of a set.

    Scores are of shape (n,) or (n, 1); of (n, 2), the second column counts. Labels
    are class indices 0 and 1. Options are `MultilabelTask`'s.
    """

    _task: ClassVar[str] = "binary"
    _NAMES: ClassVar[Mapping[str, str]] = {
        "macro_f1": "f1",
        "subset_accuracy": "accuracy",
        "label_agreement": "agreement",
    }

    def _width(self, _class_names: Sequence[str]) -> int:
        return 1

    def _label_names(self, class_names: Sequence[str] | None) -> Sequence[str] | None:
        return (class_names[-1],) if class_names else None

    def _fits(self, array: Array) -> bool:
        flat = array.ndim == 1 or (array.ndim == 2 and array.shape[1] in (1, 2))
        return array.dtype.kind in "iufb" and flat

    def _scores(self, array: Array) -> FloatArray:
        if not self._fits(array):
            raise ComparisonError(
                f"output {self._output!r} has shape {array.shape}, not one score a"
                " sample",
                hint="name the output with the scores in [task]: output = ...",
            )
        return super()._scores(array.reshape(len(array), -1)[:, -1:])

    def _labels(self, batch: ComparisonBatch) -> Array | None:
        if batch.labels is not None:
            return batch.labels.reshape(-1, 1)
        found = super()._labels(batch)
        return None if found is None else found.reshape(len(found), -1)

    def _values(self, sums: FloatArray) -> dict[str, FloatArray]:
        found = super()._values(sums)
        return {new: found[old] for old, new in self._NAMES.items()}


def _counted(decided: Array, truth: Array, reference: Array) -> FloatArray:
    """What samples add to labels (hits, true, claimed) and to whole sets."""
    wrong = decided != truth
    columns = (
        *(decided & truth, truth, decided),
        (~wrong.any(axis=1))[:, None],
        wrong.sum(axis=1)[:, None],
        (decided == reference).sum(axis=1)[:, None],
        np.ones((len(truth), 1)),
    )
    return np.hstack(columns).astype(np.float64)


def _of_label(
    n: int, reference: FloatArray, candidate: FloatArray
) -> tuple[TaskMetric, ...]:
    before, after = (_rates(side) for side in (reference, candidate))
    return tuple(TaskMetric(name, n, before[name], after[name]) for name in before)


def _rates(counts: FloatArray) -> dict[str, float | None]:
    hits, true, claimed = counts.tolist()
    return {
        "recall": hits / true if true else None,
        "precision": hits / claimed if claimed else None,
        "f1": 2 * hits / (true + claimed) if true + claimed else None,
    }


def _sigmoid(values: Array) -> FloatArray:
    """1 / (1 + exp(-x)), without overflow."""
    half: FloatArray = 0.5 * (1.0 + np.tanh(0.5 * values.astype(np.float64)))
    return half
