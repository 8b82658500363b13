"""All of a candidate's outputs against the reference's, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.comparison.streaming import OutputMetric
from harness.comparison.tasks.classification import LabelMetric, find_scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.comparison.batch import ComparisonBatch
    from harness.core.protocols import Arrays
    from harness.core.results import LabelComparison, OutputComparison
    from harness.core.specs import Task


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """What a candidate's answers are against the reference's.

    Attributes:
        outputs: One a pair, in the reference's order.
        labels: None unless the task is classification.
    """

    outputs: tuple[OutputComparison, ...]
    labels: LabelComparison | None


class Comparison:
    """Streams batches into a `ComparisonResult`; one a candidate.

    Args:
        task: How outputs are scored.
        pairs: Reference output name -> the candidate's name of it.
        atol: Absolute tolerance of a mismatched element.
        rtol: Relative tolerance of it.
        class_names: Names of the classes; None calls them "0", "1", ... after the
            columns of the scores.
    """

    def __init__(
        self,
        task: Task,
        pairs: Mapping[str, str],
        atol: float = 0.0,
        rtol: float = 0.0,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self._task = task
        self._class_names = class_names
        self._metrics = [
            OutputMetric(name, candidate_name, atol, rtol)
            for name, candidate_name in pairs.items()
        ]
        self._scores: str | None = None
        self._labels: LabelMetric | None = None

    def update(self, batch: ComparisonBatch) -> None:
        """Take in one batch.

        Raises:
            ShapeMismatchError: Reference and candidate answer with different shapes.
            ComparisonError: The outputs cannot be compared, or hold no class scores.
        """
        for metric in self._metrics:
            reference, candidate = (
                side[metric.name] for side in (batch.reference, batch.candidate)
            )
            metric.update(reference, candidate, batch.rows, batch.sample_ids)
        if self._task == "classification":
            self._update_labels(batch)

    def merge(self, other: Comparison) -> None:
        """Take in all that another comparison of the same pair has seen."""
        for mine, theirs in zip(self._metrics, other._metrics, strict=True):
            mine.merge(theirs)
        if self._labels is None:
            self._scores, self._labels = other._scores, other._labels
        elif other._labels is not None:
            self._labels.merge(other._labels)

    def result(self) -> ComparisonResult:
        """The comparison over all that was seen."""
        return ComparisonResult(
            outputs=tuple(metric.result() for metric in self._metrics),
            labels=self._labels.result() if self._labels else None,
        )

    def _update_labels(self, batch: ComparisonBatch) -> None:
        name, metric = self._label_metric(batch.reference)
        metric.update(
            batch.reference[name],
            batch.candidate[name],
            batch.labels,
            batch.rows,
            batch.sample_ids,
        )

    def _label_metric(self, reference: Arrays) -> tuple[str, LabelMetric]:
        if self._scores is None or self._labels is None:
            paired = {metric.name: reference[metric.name] for metric in self._metrics}
            self._scores = find_scores(paired, self._class_names)
            columns = range(reference[self._scores].shape[1])
            self._labels = LabelMetric(self._class_names or [str(i) for i in columns])
        return self._scores, self._labels
