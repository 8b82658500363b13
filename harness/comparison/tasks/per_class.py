"""Recall, precision and F1 of each class, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.comparison.intervals import wilson_interval
from harness.core.results import ClassComparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.comparison.confusion import ConfusionMatrix
    from harness.core.protocols import IntArray


@dataclass(frozen=True, slots=True)
class ClassScores:
    """What a confusion matrix says of one class.

    Attributes:
        recall: hits / n; None when n is 0.
        precision: hits / predicted; None when nothing was predicted as the class.
        f1: 2 hits / (n + predicted), the harmonic mean of both; None where neither
            exists.
        interval: Wilson interval of `recall` at 95 %.
    """

    recall: float | None
    precision: float | None
    f1: float | None
    interval: tuple[float, float] | None


def class_comparisons(
    names: Sequence[str],
    reference: ConfusionMatrix,
    candidate: ConfusionMatrix,
    regressed: IntArray,
    improved: IntArray,
) -> tuple[ClassComparison, ...]:
    """One record a class, in the order of the classes.

    Args:
        names: Of the classes.
        reference: Confusion of the reference.
        candidate: Confusion of the candidate, over the same samples.
        regressed: Samples a class that were right and are wrong.
        improved: Samples a class that were wrong and are right.
    """
    rows = zip(
        names,
        reference.n_true.tolist(),
        class_scores(reference),
        class_scores(candidate),
        regressed.tolist(),
        improved.tolist(),
        strict=True,
    )
    return tuple(
        ClassComparison(
            class_name=name,
            n=n,
            recall_reference=before.recall,
            recall=after.recall,
            recall_interval=after.interval,
            precision_reference=before.precision,
            precision=after.precision,
            f1_reference=before.f1,
            f1=after.f1,
            n_regressed=lost,
            n_improved=won,
            recall_reference_interval=before.interval,
        )
        for name, n, before, after, lost, won in rows
    )


def class_scores(confusion: ConfusionMatrix) -> list[ClassScores]:
    """Scores of each class from a confusion matrix."""
    hits = confusion.n_right.tolist()
    predicted = confusion.n_answered.tolist()
    return [
        ClassScores(
            recall=_ratio(hit, n),
            precision=_ratio(hit, claimed),
            f1=_ratio(2 * hit, n + claimed),
            interval=wilson_interval(hit, n),
        )
        for hit, n, claimed in zip(
            hits, confusion.n_true.tolist(), predicted, strict=True
        )
    ]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
