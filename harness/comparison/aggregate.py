"""All of a candidate's outputs against the reference's, in one pass."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.comparison.slicing.slices import Slices, Slicing
from harness.comparison.streaming import OutputMetric
from harness.comparison.tasks.classification import LabelMetric, find_scores
from harness.comparison.tasks.table import make_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.comparison.batch import ComparisonBatch
    from harness.comparison.tasks.protocol import Task
    from harness.core.protocols import Arrays
    from harness.core.results import (
        LabelComparison,
        OutputComparison,
        TaskComparison,
    )

# Tasks work with tables of tens of columns a sample: a window of many small samples is
# taken in pieces, so that these stay small beside it.
_BLOCK = 2_048


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """What a candidate's answers are against the reference's.

    Attributes:
        outputs: One a pair, in the reference's order.
        labels: None unless the task is classification.
        task: None where the task makes nothing of the outputs.
    """

    outputs: tuple[OutputComparison, ...]
    labels: LabelComparison | None
    task: TaskComparison | None = None


@dataclass(frozen=True, slots=True)
class Scoring:
    """How outputs are scored.

    Attributes:
        task: Name of the task.
        options: ``[task]`` of the suite.
        slicing: How the data is cut.
    """

    task: str
    options: Mapping[str, object] = field(default_factory=dict)
    slicing: Slicing = field(default_factory=Slicing)

    def make(self, class_names: Sequence[str] | None) -> Task:
        """A task that has seen nothing.

        Raises:
            SuiteError: An option is not known or not allowed.
        """
        return make_task(self.task, self.options, class_names)

    def slices(self, class_names: Sequence[str] | None) -> Slices:
        """Slices that have seen nothing.

        Raises:
            SuiteError: An option or an expression cannot be read.
        """
        return Slices(self.slicing, _TaskMaker(self, class_names))


@dataclass(frozen=True, slots=True)
class _TaskMaker:
    """Makes tasks that have seen nothing; unlike a function, it can be kept."""

    scoring: Scoring
    class_names: Sequence[str] | None

    def __call__(self) -> Task:
        return self.scoring.make(self.class_names)


class Comparison:
    """Streams batches into a `ComparisonResult`; one a candidate.

    Args:
        scoring: How outputs are scored; a task's name alone has no options.
        pairs: Reference output name -> the candidate's name of it.
        atol: Absolute tolerance of a mismatched element; or one an output, by the
            reference's names.
        rtol: Relative tolerance of it; likewise.
        class_names: Names of the classes; None calls them "0", "1", ... after the
            columns of the scores.
    """

    def __init__(
        self,
        scoring: Scoring | str,
        pairs: Mapping[str, str],
        atol: float | Mapping[str, float] = 0.0,
        rtol: float | Mapping[str, float] = 0.0,
        class_names: Sequence[str] | None = None,
    ) -> None:
        scoring = Scoring(scoring) if isinstance(scoring, str) else scoring
        self._decides = scoring.task == "classification"
        self._task = scoring.make(class_names)
        self._slices = scoring.slices(class_names)
        self._class_names = class_names
        self._metrics = [
            OutputMetric(name, candidate_name, _of(atol, name), _of(rtol, name))
            for name, candidate_name in pairs.items()
        ]
        self._scores: str | None = None
        self._labels: LabelMetric | None = None

    def update(self, batch: ComparisonBatch) -> None:
        """Take in one batch.

        Raises:
            ShapeMismatchError: Reference and candidate answer with different shapes.
            ComparisonError: The outputs cannot be compared, or are not what the task
                needs.
            SuiteError: A slice names a column that is not there.
        """
        for metric in self._metrics:
            reference, candidate = (
                side[metric.name] for side in (batch.reference, batch.candidate)
            )
            metric.update(reference, candidate, batch.rows, batch.sample_ids)
        if self._decides:
            self._update_labels(batch)
        for block in batch.blocks(_BLOCK):
            self._task.update(block)
            self._slices.update(block)

    def merge(self, other: Comparison) -> None:
        """Take in all that another comparison of the same pair has seen."""
        for mine, theirs in zip(self._metrics, other._metrics, strict=True):
            mine.merge(theirs)
        if self._labels is None:
            self._scores, self._labels = other._scores, other._labels
        elif other._labels is not None:
            self._labels.merge(other._labels)
        self._task.merge(other._task)
        self._slices.merge(other._slices)

    @property
    def shown(self) -> frozenset[int]:
        """Samples that a reader may want to look at, of those seen so far.

        A sample that is not among them right after it was taken in never will be.
        """
        found = [metric.shown for metric in self._metrics]
        found += [self._labels.shown] if self._labels else []
        return frozenset().union(*found)

    def result(self) -> ComparisonResult:
        """The comparison over all that was seen."""
        return ComparisonResult(
            outputs=tuple(metric.result() for metric in self._metrics),
            labels=self._labels.result() if self._labels else None,
            task=self._task_result(),
        )

    def _task_result(self) -> TaskComparison | None:
        found = self._task.result()
        if found is None:
            return None
        slices, notes = self._slices.result()
        return replace(found, slices=slices, notes=(*found.notes, *notes))

    def _update_labels(self, batch: ComparisonBatch) -> None:
        name, metric = self._label_metric(batch.reference)
        metric.update(
            batch.reference[name],
            batch.candidate[name],
            batch.labels,
            batch.rows,
            batch.sample_ids,
            batch.metadata.get("group"),
        )

    def _label_metric(self, reference: Arrays) -> tuple[str, LabelMetric]:
        if self._scores is None or self._labels is None:
            paired = {metric.name: reference[metric.name] for metric in self._metrics}
            self._scores = find_scores(paired, self._class_names)
            columns = range(reference[self._scores].shape[1])
            self._labels = LabelMetric(self._class_names or [str(i) for i in columns])
        return self._scores, self._labels


def _of(tolerance: float | Mapping[str, float], output: str) -> float:
    return tolerance if isinstance(tolerance, (int, float)) else tolerance[output]
