"""Checks of a task's own metrics, over all samples and in slices of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.criteria import default_drops
from harness.gate.task_metrics import failed, slice_drop
from harness.gate.wording import counted, listed, points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.results import PartComparison, TaskMetric, Verdict
    from harness.gate.checks.case import Answer, Case

NO_METRICS = "the task has no metrics of its own"


def task_metrics(case: Case) -> Answer:
    """Whether any metric of the task got worse; `judge_task` has judged each."""
    task, drops = case.result.task, case.limits.max_drop
    assert drops is not None  # or it is not asked
    if task is None:
        return NO_METRICS
    if unknown := _unknown(case):
        names = ", ".join(metric.name for metric in task.metrics)
        message = f"max_drop names {listed(unknown)}; the task's metrics are {names}"
        return Check("task_metrics", "undecided", None, None, message)
    held = [metric for metric in task.metrics if metric.name in drops]
    if not held:
        return "no metric that has a limit was measured"
    worst = max(held, key=lambda m: (_order(m), _excess(m, drops[m.name])))
    status: Verdict = "passed"
    if worst.verdict != "pass":
        status = "failed" if worst.verdict == "fail" else "undecided"
    message = _told(held, worst, drops[worst.name])
    parts = tuple(failed(held, drops))
    limit = drops[worst.name]
    return Check("task_metrics", status, worst.loss, limit, message, parts)


def per_slice(case: Case) -> Answer:
    """Whether any slice got worse; `judge_task` has judged each."""
    task = case.result.task
    assert task is not None  # or it is not asked
    judged = [one for one in task.slices if one.unjudged is None]
    few = len(task.slices) - len(judged)
    if not judged:
        return f"no slice has as many samples as it takes ({few} have too few)"
    decides = task.task == "classification"
    limit = case.limits.max_recall_drop if decides else None
    if limit is None and not case.limits.max_drop:
        return "no limit set"
    ranked = sorted(judged, key=lambda one: (_rank(one), -slice_drop(one)))
    status: Verdict = "passed"
    if ranked[0].verdict != "pass":
        status = "failed" if ranked[0].verdict == "fail" else "undecided"
    unmet = [one for one in ranked if one.verdict == ranked[0].verdict]
    message = _slices_told(unmet, len(judged), status, case)
    if few:
        message += f"; {counted(few, 'slice')} with too few samples not judged"
    parts = tuple(one.name for one in ranked if one.verdict == "fail")
    observed = slice_drop(ranked[0]) if decides else None
    return Check("per_slice", status, observed, limit, message, parts)


def _unknown(case: Case) -> list[str]:
    """Limits of the suite's own whose metrics the task does not have."""
    task, drops = case.result.task, case.limits.max_drop or {}
    assert task is not None  # the caller looked
    known = {metric.name for metric in task.metrics}
    usual = default_drops(case.result.kind, task.task) or {}
    return sorted(name for name in drops if name not in known and name not in usual)


def _order(metric: TaskMetric) -> int:
    return ("pass", "undecided", "fail").index(metric.verdict)


def _excess(metric: TaskMetric, limit: float) -> float:
    """Loss against its limit, so that metrics of any unit can be ranked."""
    return (metric.loss or 0.0) / max(limit, 1e-12)


def _told(held: Sequence[TaskMetric], worst: TaskMetric, limit: float) -> str:
    if worst.verdict == "pass":
        return f"worst of {counted(len(held), 'metric')}: {_change(worst)}"
    bad = [metric for metric in held if metric.verdict == worst.verdict]
    message = f"{listed([_change(metric) for metric in bad])}"
    if worst.loss is None:
        return f"{worst.name} cannot be told: {worst.unscored}"
    message += f"; {worst.name} may get worse by {limit:g}"
    if worst.verdict == "undecided":
        message += f". {counted(worst.n, 'sample')} cannot tell this from chance"
        if worst.p_adjusted is not None:
            message += f" (p = {worst.p_adjusted:.2f})"
        message += ": more data decides"
    return message


def _change(metric: TaskMetric) -> str:
    if metric.reference is None or metric.candidate is None:
        return f"{metric.name} unknown"
    return f"{metric.name} {metric.reference:.4g} -> {metric.candidate:.4g}"


def _rank(one: PartComparison) -> int:
    return ("fail", "undecided", "pass").index(one.verdict)


def _slices_told(
    unmet: Sequence[PartComparison], n: int, status: Verdict, case: Case
) -> str:
    shown = listed([_slice(one, case) for one in unmet])
    if status == "passed":
        return f"worst of {counted(n, 'slice')}: {_slice(unmet[0], case)}"
    if status == "failed":
        verb = "loses" if len(unmet) == 1 else "lose"
        return f"{len(unmet)} of {counted(n, 'slice')} {verb} too much: {shown}"
    return f"{shown}: too few samples to tell a loss from chance; more data decides"


def _slice(one: PartComparison, case: Case) -> str:
    task = case.result.task
    if task is not None and task.task == "classification":
        lost, won = one.n_regressed or 0, one.n_improved or 0
        more = f", {won:,} won" if won else ""
        drop = points(-slice_drop(one))
        return f"{one.name} ({lost:,} of {one.n:,} lost{more}, {drop})"
    drops = case.limits.max_drop or {}
    held = [metric for metric in one.metrics if metric.name in drops]
    if not held:
        return one.name
    worst = max(held, key=lambda m: (_order(m), _excess(m, drops[m.name])))
    return f"{one.name} ({_change(worst)})"
