"""Whether metrics of a task fell, over all samples and in slices of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.core.specs import MIN_SLICE
from harness.gate.classes import chances, level_of, surely_within
from harness.gate.families import holm, least_losses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.core.results import (
        ClassVerdict,
        PartComparison,
        TaskComparison,
        TaskMetric,
    )
    from harness.core.specs import GateSpec

# Of the intervals that metrics come with: 95 %, two-sided.
_Z95 = 1.959963984540054
_TINY = 1e-12
_WORST_FIRST: tuple[ClassVerdict, ...] = ("fail", "undecided", "pass")


def judge_task(task: TaskComparison, limits: GateSpec) -> TaskComparison:
    """Fill adjusted p-values and verdicts of a task's metrics and slices.

    A metric that got worse by no more than its limit passes; where the limits ask for
    a confidence, when its interval is within the limit too. One that got worse by more
    fails when its p-value, adjusted over the metrics with limits, is below alpha. A
    metric in which the reference is right by definition has no p-value: it fails when
    the interval, at alpha, lies beyond the limit. One without an interval, a maximum
    say, fails by its value alone, from 30 samples. All else is undecided.
    """
    drops = limits.max_drop or {}
    (metrics,) = _judged([task.metrics], drops, limits)
    judge = _judge_decisions if task.task == "classification" else _judge_slices
    return replace(task, metrics=metrics, slices=judge(task.slices, limits))


def slice_drop(one: PartComparison) -> float:
    """Share of the slice's samples that were lost, less those won."""
    lost, won = one.n_regressed or 0, one.n_improved or 0
    return (lost - won) / one.n if one.n else 0.0


def _judge_slices(
    slices: tuple[PartComparison, ...], limits: GateSpec
) -> tuple[PartComparison, ...]:
    judged = [one for one in slices if one.unjudged is None]
    families = _judged([one.metrics for one in judged], limits.max_drop or {}, limits)
    found = (
        _with_metrics(one, metrics, limits.max_drop or {})
        for one, metrics in zip(judged, families, strict=True)
    )
    return _in_place(slices, found)


def _in_place(
    slices: tuple[PartComparison, ...], judged: Iterator[PartComparison]
) -> tuple[PartComparison, ...]:
    """All slices, those that were judged in the place of themselves."""
    return tuple(next(judged) if one.unjudged is None else one for one in slices)


def _with_metrics(
    one: PartComparison, metrics: tuple[TaskMetric, ...], drops: Mapping[str, float]
) -> PartComparison:
    verdicts = [metric.verdict for metric in metrics if metric.name in drops]
    worst: ClassVerdict = min(verdicts, key=_WORST_FIRST.index, default="undecided")
    p_values = [m.p_adjusted for m in metrics if m.p_adjusted is not None]
    least = min(p_values, default=None)
    return replace(one, metrics=metrics, p_adjusted=least, verdict=worst)


def _judge_decisions(
    slices: tuple[PartComparison, ...], limits: GateSpec
) -> tuple[PartComparison, ...]:
    """As classes are: exact tests of what was lost against what was won."""
    judged = [one for one in slices if one.unjudged is None]
    if not judged:
        return slices
    lost = np.array([one.n_regressed or 0 for one in judged], np.int64)
    won = np.array([one.n_improved or 0 for one in judged], np.int64)
    _, adjusted = chances([one.group_losses for one in judged], lost, won, limits)
    least = least_losses(lost, won, limits.alpha).tolist()
    found = (
        replace(
            one,
            p_adjusted=adjusted[i],
            min_detectable_drop=least[i] / one.n if least[i] <= one.n else None,
            verdict=_decided(one, adjusted[i], limits),
        )
        for i, one in enumerate(judged)
    )
    return _in_place(slices, found)


def _decided(one: PartComparison, p_value: float, limits: GateSpec) -> ClassVerdict:
    limit = limits.max_recall_drop
    if limit is None:
        return "undecided"
    if slice_drop(one) > limit:
        return "fail" if p_value < level_of(limits) else "undecided"
    counts = (one.n_regressed or 0, one.n_improved or 0, one.n)
    return "pass" if surely_within(counts, limit, limits.confidence) else "undecided"


def _judged(
    families: Sequence[tuple[TaskMetric, ...]],
    drops: Mapping[str, float],
    limits: GateSpec,
) -> list[tuple[TaskMetric, ...]]:
    """Metrics with verdicts; those that have limits are one family of tests."""
    held = [m for metrics in families for m in metrics if m.name in drops]
    tested = [m.p_value for m in held if m.p_value is not None]
    adjusted = iter(holm(tested))
    alpha = limits.alpha / max(1, len(held) - len(tested))

    def judged(metric: TaskMetric) -> TaskMetric:
        if metric.name not in drops:
            return metric
        p_value = None if metric.p_value is None else next(adjusted)
        metric = replace(metric, p_adjusted=p_value)
        return replace(metric, verdict=_verdict(metric, drops, limits, alpha))

    return [tuple(map(judged, metrics)) for metrics in families]


def _verdict(
    metric: TaskMetric, drops: Mapping[str, float], limits: GateSpec, alpha: float
) -> ClassVerdict:
    loss, limit = metric.loss, drops[metric.name]
    if loss is None:
        return "undecided"
    if loss <= limit + _TINY:
        sure = limits.confidence is None or _high(metric, limits.confidence) <= limit
        return "pass" if sure else "undecided"
    if metric.p_adjusted is not None:
        return "fail" if metric.p_adjusted < limits.alpha else "undecided"
    if metric.interval is not None:
        return "fail" if low_end(metric, 1 - alpha) > limit else "undecided"
    return "fail" if metric.n >= MIN_SLICE else "undecided"


def _losses(metric: TaskMetric) -> tuple[float, float, float]:
    """Low end, value and high end of the loss."""
    loss = metric.loss or 0.0
    low, high = metric.interval or (0.0, 0.0)
    ends = (-high, -low) if metric.higher_is_better else (low, high)
    return (ends[0], loss, ends[1]) if metric.interval else (loss, loss, loss)


def _high(metric: TaskMetric, confidence: float) -> float:
    _, loss, high = _losses(metric)
    return loss + max(0.0, high - loss) * _z(confidence) / _Z95


def low_end(metric: TaskMetric, confidence: float) -> float:
    """The least loss of a metric with an interval, one-sided."""
    low, loss, _ = _losses(metric)
    return loss - max(0.0, loss - low) * _z(confidence) / _Z95


def _z(confidence: float) -> float:
    # scipy.special takes a while to import; `asked_checks` must not wait for it.
    from scipy.special import ndtri

    return float(ndtri(confidence))


def failed(metrics: Iterable[TaskMetric], drops: Mapping[str, float]) -> list[str]:
    """Names of the metrics with limits that failed."""
    return [m.name for m in metrics if m.name in drops and m.verdict == "fail"]
