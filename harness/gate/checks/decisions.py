"""Checks of the classes that a candidate decides for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.checks.case import NO_CLASSES, NO_LABELS
from harness.gate.classes import recall_drop
from harness.gate.statistics import (
    binomial_tail,
    least_significant_loss,
    mcnemar_one_sided,
)
from harness.gate.wording import counted, listed, percent, points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import ClassComparison, Verdict
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
    status: Verdict = "passed"
    if drop > limit:
        p_value = mcnemar_one_sided(lost, won)
        status = "failed" if p_value < case.limits.alpha else "undecided"
        message += f"; it may fall by {100 * limit:.1f} points"
    if status == "undecided":
        message += f". So few can be chance (p = {p_value:.2f}): more data decides"
    return Check("accuracy", status, drop, limit, message)


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
    return Check("per_class_recall", status, recall_drop(classes[0]), limit, message)


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
    tested = sum(1 for one in classes if one.n)
    least = least_significant_loss(worst.n, tested, case.limits.alpha)
    needed = (
        f"no loss among {counted(worst.n, 'sample')} can be told from chance"
        if least is None
        else f"fewer than {least} of {worst.n:,} cannot be told from chance"
    )
    return f"{listed([_counts(one) for one in lost])}; {needed} in {tested} classes"
