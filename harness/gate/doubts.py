"""What the samples that were not seen yet may change in a check's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.gate.margins import loss_interval
from harness.gate.task_metrics import low_end

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.core.results import (
        Check,
        PartComparison,
        TaskMetric,
        VariantResult,
    )
    from harness.core.specs import GateSpec

    Counts = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """A check, and what it was answered by.

    Attributes:
        check: As the gate answers it on the samples seen.
        judged: The candidate.
        limits: Of this look.
        share: Of all samples, those seen.
    """

    check: Check
    judged: VariantResult
    limits: GateSpec
    share: float


_ALL_DECIDE = "all of them decide"
_GROUPED = "samples come in groups, whose losses are told by all of them"


def _close(seen: Seen) -> str | None:
    """Failed when all else would have to hold and it were too much even then."""
    limit = seen.limits.max_mismatched or 0.0
    allowed = [limit * one.n_elements / seen.share for one in seen.judged.outputs]
    broken = [one.n_mismatched for one in seen.judged.outputs]
    if seen.check.status == "passed":
        return _ALL_DECIDE if any(broken) else None
    beyond = any(n > most for n, most in zip(broken, allowed, strict=True))
    return None if beyond else _ALL_DECIDE


def _agreed(seen: Seen) -> str | None:
    """Passed when so few moved samples are improbable just beyond the limit."""
    labels, limit = seen.judged.labels, seen.limits.min_top1_agreement
    if seen.check.status == "failed" or labels is None or limit is None:
        return None
    if labels.group_losses is not None:
        return _GROUPED
    # scipy.special takes a while to import; `asked_checks` must not wait for it.
    from scipy.special import bdtr

    chance = float(bdtr(labels.n_flipped, labels.n, 1 - limit))
    sure = seen.limits.confidence is not None and chance <= 1 - seen.limits.confidence
    return None if sure else "more of them decide"


def _accurate(seen: Seen) -> str | None:
    """Passed by its bound; failed where a bound lies beyond the limit, too."""
    labels = seen.judged.labels
    if labels is None:
        return None
    if labels.group_losses is not None:
        return _GROUPED
    counts = (labels.n_regressed or 0, labels.n_improved or 0, labels.n)
    return _near(seen, [counts], 1, seen.limits.max_accuracy_drop)


def _recalled(seen: Seen) -> str | None:
    """As accuracy, by any class of all."""
    labels = seen.judged.labels
    classes = () if labels is None else labels.per_class
    if any(one.group_losses is not None for one in classes):
        return _GROUPED
    failed = [
        (one.n_regressed, one.n_improved, one.n)
        for one in classes
        if one.verdict == "fail"
    ]
    return _near(seen, failed, len(classes), seen.limits.max_recall_drop)


def _measured(seen: Seen) -> str | None:
    """A metric is decided by its interval, not by its value so far."""
    metrics = seen.judged.task.metrics if seen.judged.task else ()
    drops = seen.limits.max_drop or {}
    held = [one for one in metrics if one.name in drops]
    if seen.check.status == "passed":
        bounded = all(one.interval is not None for one in held)
        return None if bounded else _ALL_DECIDE
    return None if _any_beyond(held, drops, seen.limits.alpha) else _ALL_DECIDE


def _sliced(seen: Seen) -> str | None:
    """Decisions are bounded slice by slice; other metrics of few samples are not."""
    task = seen.judged.task
    if task is None:
        return None
    if task.task == "classification":
        return _sliced_decisions(seen, task.slices)
    held = [metric for one in task.slices for metric in one.metrics]
    beyond = _any_beyond(held, seen.limits.max_drop or {}, seen.limits.alpha)
    return None if seen.check.status == "failed" and beyond else _ALL_DECIDE


def _sliced_decisions(seen: Seen, slices: Sequence[PartComparison]) -> str | None:
    small = any(one.unjudged is not None for one in slices)
    if small and seen.check.status == "passed":
        return "slices that are small so far are judged by all of them"
    if any(one.group_losses is not None for one in slices):
        return _GROUPED
    failed = [
        (one.n_regressed or 0, one.n_improved or 0, one.n)
        for one in slices
        if one.verdict == "fail"
    ]
    return _near(seen, failed, len(slices), seen.limits.max_recall_drop)


def _near(
    seen: Seen, failed: Sequence[Counts], n_tests: int, limit: float | None
) -> str | None:
    """Why a failure may be none by the end: the loss may yet be within its limit.

    That it is no chance is not enough here, for the gate fails what is beyond a limit.
    """
    sure = seen.limits.confidence
    if seen.check.status == "passed" or limit is None or sure is None:
        return None
    level = 1 - (1 - sure) / n_tests
    if any(loss_interval(*counts, level)[0] > limit for counts in failed):
        return None
    return "the loss is too close to its limit, so more of them decide"


def _whole(_: Seen) -> str | None:
    return "a baseline is held against all of them"


def _any_beyond(
    metrics: Sequence[TaskMetric], drops: Mapping[str, float], alpha: float
) -> bool:
    """Whether the interval of one that failed lies beyond its limit."""
    return any(
        one.verdict == "fail"
        and one.interval is not None
        and low_end(one, 1 - alpha / len(metrics)) > drops[one.name]
        for one in metrics
        if one.name in drops
    )


_DOUBTS: dict[str, Callable[[Seen], str | None]] = {
    "outputs_close": _close,
    "top1_agreement": _agreed,
    "accuracy": _accurate,
    "per_class_recall": _recalled,
    "task_metrics": _measured,
    "per_slice": _sliced,
    "baseline": _whole,
}


def doubt(seen: Seen) -> str | None:
    """Why a passed or failed check does not stand yet; None where it does.

    A number that is not finite stays so: `finite_outputs` is not among them.
    """
    ask = _DOUBTS.get(seen.check.name)
    return None if ask is None else ask(seen)
