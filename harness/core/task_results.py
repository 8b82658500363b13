"""How well both sides do a task, whatever it is: frozen records.

What classification says of decisions stays in `comparisons.LabelComparison`; every
task, classification too, gives these.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.comparisons import ClassVerdict, Confusion


@dataclass(frozen=True, slots=True)
class TaskMetric:
    """One number of a task, of both sides on the same samples.

    Attributes:
        name: ``average_precision``, ``mean_iou``, ``mean_abs_error``, ...; names that
            end in ``_error`` or ``_loss`` are better when smaller.
        n: Samples (or boxes, tokens, pixels) that it is over.
        reference: None where it cannot be computed.
        candidate: Likewise.
        unscored: Why one is None.
        interval: Paired confidence interval of candidate - reference; None where
            none was computed.
        p_value: One-sided: as large a loss by chance; None where no test was made.
        p_adjusted: After correction over its family.
        verdict: Set by the gate.
    """

    name: str
    n: int
    reference: float | None
    candidate: float | None
    unscored: str | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    verdict: ClassVerdict = "undecided"

    @property
    def higher_is_better(self) -> bool:
        """Told by the name, for every reader alike."""
        return not self.name.endswith(("_error", "_loss"))

    @property
    def loss(self) -> float | None:
        """How much worse the candidate is; negative where it is better."""
        if self.reference is None or self.candidate is None:
            return None
        change = self.candidate - self.reference
        return -change if self.higher_is_better else change


@dataclass(frozen=True, slots=True)
class PartComparison:
    """A class or a slice of the data, and how well both sides do on it.

    Attributes:
        name: Of the class; of a slice, the expression or column value that makes it.
        n: Samples in it (of a class in detection or segmentation: true boxes, pixels).
        metrics: Its numbers.
        min_detectable_drop: Least loss of the first metric that n can show at the
            gate's confidence; None when none can, or none was computed.
        n_regressed: Samples that were right and are wrong; None where the task does
            not say of a sample that it is right.
        n_improved: The other way round.
        group_losses: As of `ClassComparison`.
        p_adjusted: Of its regressions, after correction over the slices; None where
            they were not tested.
        unjudged: Why it is not judged ("12 samples, fewer than 30"); None where it is.
        verdict: Set by the gate.
    """

    name: str
    n: int
    metrics: tuple[TaskMetric, ...]
    min_detectable_drop: float | None = None
    n_regressed: int | None = None
    n_improved: int | None = None
    group_losses: tuple[tuple[int, int], ...] | None = None
    p_adjusted: float | None = None
    unjudged: str | None = None
    verdict: ClassVerdict = "undecided"


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """A candidate's work at the task, held against the reference's and the truth.

    Attributes:
        task: Name of the task.
        n: Samples.
        metrics: Over all samples, the most telling first.
        per_class: In the order of the classes; empty where the task has none.
        slices: One a slice, in the order that the suite declares them.
        confusion: Of tasks with classes that are not samples' (boxes, pixels), a
            class "background" last; None elsewhere.
        notes: What a reader should know ("no ground truth: agreement only").
        n_regressed: As of `PartComparison`, over all samples.
        n_improved: Likewise.
        group_losses: Likewise.
    """

    task: str
    n: int
    metrics: tuple[TaskMetric, ...]
    per_class: tuple[PartComparison, ...] = ()
    slices: tuple[PartComparison, ...] = ()
    confusion: Confusion | None = None
    notes: tuple[str, ...] = ()
    n_regressed: int | None = None
    n_improved: int | None = None
    group_losses: tuple[tuple[int, int], ...] | None = None
