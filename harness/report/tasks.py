"""How the numbers of a task read, in every renderer alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.report.text import MISSING, clean, number, one_line

if TYPE_CHECKING:
    from harness.core.results import (
        PartComparison,
        TaskComparison,
        TaskMetric,
        VariantResult,
    )


def metric_label(name: str) -> str:
    """A metric's name in words: ``mean iou``."""
    return clean(one_line(name)).replace("_", " ")


def change(metric: TaskMetric) -> float | None:
    """Candidate's value less the reference's; None where one is."""
    if metric.reference is None or metric.candidate is None:
        return None
    return metric.candidate - metric.reference


def signed_number(value: float | None) -> str:
    """A difference with its sign, four digits."""
    if value is None:
        return MISSING
    shown = number(value)
    return f"+{shown}" if value > 0 else shown


def interval(metric: TaskMetric) -> str:
    """``-0.012 to +0.004``, two digits of its width; a dash where there is none."""
    if metric.interval is None:
        return MISSING
    low, high = metric.interval
    width = high - low
    if not (0.0 < width < math.inf):
        return f"{signed_number(low)} to {signed_number(high)}"
    decimals = max(1 - math.floor(math.log10(width)), 0)
    return f"{low:+,.{decimals}f} to {high:+,.{decimals}f}"


def told(metric: TaskMetric) -> str:
    """``mean iou 0.912 -> 0.884``."""
    before, after = number(metric.reference), number(metric.candidate)
    return f"{metric_label(metric.name)} {before} -> {after}"


def summary(task: TaskComparison) -> str:
    """The first metric, and how many classes and slices there are."""
    parts = [told(metric) for metric in task.metrics[:2]]
    failed = [one for one in task.slices if one.verdict == "fail"]
    if failed:
        parts.append(f"{len(failed)} of {len(task.slices)} slices fail")
    return "; ".join(parts)


def headline(variant: VariantResult) -> str:
    """The first metric of a task without decisions, before and after, for a table."""
    task = variant.task
    if task is None or not task.metrics or variant.labels is not None:
        return MISSING
    first = task.metrics[0]
    return f"{number(first.reference)} -> {number(first.candidate)}"


def worst_first(parts: tuple[PartComparison, ...]) -> list[PartComparison]:
    """What failed, then what is undecided, each by the loss of its first metric."""
    return sorted(parts, key=_badness)


def _badness(part: PartComparison) -> tuple[bool, int, float]:
    loss = part.metrics[0].loss if part.metrics else None
    order = ("fail", "undecided", "pass").index(part.verdict)
    return part.unjudged is not None, order, -(loss or 0.0)
