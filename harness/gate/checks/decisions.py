"""Checks of the classes that a candidate decides for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.checks.case import NO_CLASSES, NO_LABELS
from harness.gate.classes import recall_drop, surely_within
from harness.gate.clusters import group_p_value
from harness.gate.margins import loss_interval
from harness.gate.statistics import binomial_tail, mcnemar_one_sided
from harness.gate.wording import counted, listed, percent, points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import ClassComparison, LabelComparison, Verdict
    from harness.gate.checks.case import Answer, Case


def top1_agreement(case: Case) -> Answer:
    """How many samples keep the reference's top class.

    Below the limit it fails when so many moved samples are improbable (exact
    one-sided binomial test at alpha) in a model that is just at the limit; else it is
    undecided.
    """
    labels, limit = case.result.labels, case.limits.min_top1_agreement
    assert limit is not None  # or it is not asked
    if labels is None:
        return NO_CLASSES
    observed = labels.top1_agreement
    message = (
        f"{percent(observed)} of {counted(labels.n, 'sample')} keep the reference's "
        f"top class ({labels.n_flipped:,} moved)"
    )
    status: Verdict = "passed"
    if observed < limit:
        p_value = binomial_tail(labels.n_flipped, labels.n, 1 - limit)
        status = "failed" if p_value < case.limits.alpha else "undecided"
        message += f"; at least {percent(limit)} should"
    if status == "undecided":
        message += f". So few can move by chance (p = {p_value:.2f}): more data decides"
    return Check("top1_agreement", status, observed, limit, message)


def accuracy(case: Case) -> Answer:
    """How far accuracy fell; more than the limit fails if McNemar's test is sure."""
    labels, limit = case.result.labels, case.limits.max_accuracy_drop
    assert limit is not None  # or it is not asked
    if labels is None:
        return NO_CLASSES
    if labels.accuracy is None or labels.accuracy_reference is None:
        return NO_LABELS
    lost, won = labels.n_regressed or 0, labels.n_improved or 0
    drop = (lost - won) / labels.n
    message = (
        f"accuracy {percent(labels.accuracy_reference)} -> "
        f"{percent(labels.accuracy)} ({points(-drop)}): {lost:,} lost and {won:,} won "
        f"of {counted(labels.n, 'sample')}"
    )
    if drop > limit:
        message += f"; it may fall by {100 * limit:.1f} points"
        p_value = _chance(labels)
        if p_value < case.limits.alpha:
            return Check("accuracy", "failed", drop, limit, message)
        message += f". So few can be chance (p = {p_value:.2f}): more data decides"
        return Check("accuracy", "undecided", drop, limit, message)
    counts, confidence = (lost, won, labels.n), case.limits.confidence
    if surely_within(counts, limit, confidence):
        return Check("accuracy", "passed", drop, limit, message)
    message += f"; {_unsure(counts, limit, confidence or 0.0)}"
    return Check("accuracy", "undecided", drop, limit, message)


def _chance(labels: LabelComparison) -> float:
    """Of such a loss of accuracy where nothing changed."""
    if labels.group_losses is not None:
        return group_p_value(labels.group_losses)
    return mcnemar_one_sided(labels.n_regressed or 0, labels.n_improved or 0)


def per_class_recall(case: Case) -> Answer:
    """Whether any class lost recall; `judge_classes` has judged each."""
    labels, limit = case.result.labels, case.limits.max_recall_drop
    assert limit is not None  # or it is not asked
    if labels is None:
        return NO_CLASSES
    if not labels.per_class:
        return NO_LABELS
    classes = sorted(labels.per_class, key=recall_drop, reverse=True)
    failed = [one for one in classes if one.verdict == "fail"]
    undecided = [one for one in classes if one.verdict == "undecided"]
    status: Verdict = "passed"
    message = _kept(classes)
    if failed:
        status, message = "failed", _lost(failed, len(classes), limit)
    elif undecided:
        status, message = "undecided", _undecided(undecided, classes, case)
    parts = tuple(one.class_name for one in failed)
    observed = recall_drop(classes[0])
    return Check("per_class_recall", status, observed, limit, message, parts)


def _lost(failed: Sequence[ClassComparison], n_classes: int, limit: float) -> str:
    verb = "loses" if len(failed) == 1 else "lose"
    return (
        f"{len(failed)} of {n_classes} classes {verb} more than {100 * limit:.1f} "
        f"points of recall: {listed([_counts(one) for one in failed])}"
    )


def _counts(one: ClassComparison) -> str:
    won = f", {one.n_improved:,} won" if one.n_improved else ""
    return f"{one.class_name} ({one.n_regressed:,} of {one.n:,} lost{won})"


def _kept(classes: Sequence[ClassComparison]) -> str:
    worst = classes[0]
    if recall_drop(worst) <= 0:
        return f"no class of {len(classes)} loses recall"
    drop = points(-recall_drop(worst))
    return f"worst of {len(classes)} classes: {_counts(worst)}, {drop}"


def _undecided(
    undecided: Sequence[ClassComparison], classes: Sequence[ClassComparison], case: Case
) -> str:
    """What was lost, and the number that would have decided; else what has no data."""
    lost = [one for one in undecided if one.n]
    if not lost:
        names = listed([one.class_name for one in undecided])
        return f"no golden samples of {counted(len(undecided), 'class')}: {names}"
    worst = lost[0]
    counts = (worst.n_regressed, worst.n_improved, worst.n)
    limit = case.limits.max_recall_drop or 0.0
    if recall_drop(worst) <= limit:
        unsure = _unsure(counts, limit, case.limits.confidence or 0.0)
        return f"{listed([one.class_name for one in lost])}: of the first, {unsure}"
    least = worst.min_detectable_drop
    needed = (
        f"no loss among {counted(worst.n, 'sample')} can be told from chance"
        if least is None
        else f"fewer than {round(least * worst.n)} of {worst.n:,} cannot be told from"
        " chance"
    )
    tested = sum(1 for one in classes if one.n)
    return f"{listed([_counts(one) for one in lost])}; {needed} in {tested} classes"


def _unsure(counts: tuple[int, int, int], limit: float, confidence: float) -> str:
    """How much may be lost after all, where what was seen is within the limit."""
    high = loss_interval(*counts, confidence)[1]
    return (
        f"{counted(counts[2], 'sample')} leave a loss of up to {100 * high:.1f} points "
        f"possible at {percent(confidence)} confidence; {100 * limit:.1f} may be"
    )
