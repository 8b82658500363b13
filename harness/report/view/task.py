"""A task's own metrics: over all samples, a class, a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.tasks import (
    change,
    interval,
    metric_label,
    signed_number,
    worst_first,
)
from harness.report.text import MISSING, count, number, one_line, probability
from harness.report.view.cells import badge, class_badge, name, num
from harness.report.view.confusion import changed_pairs, confusion_maps
from harness.report.view.counts import counts_of
from harness.report.view.page import Cell, Column, Part, Prose, Row, Table

if TYPE_CHECKING:
    from harness.core.results import PartComparison, TaskComparison, TaskMetric

FEW_PARTS = 40
MAX_PARTS = 1_000
_SHOWN = 3


def task_parts(found: TaskComparison, place: str) -> tuple[Part, ...]:
    """Metrics, classes, slices, confusion, and what a reader should know."""
    parts: list[Part] = [_metrics(found)]
    if found.per_class:
        parts.append(_parts(found.per_class, "class", place))
    if found.slices:
        parts.append(_parts(found.slices, "slice", place))
    if found.confusion is not None:
        parts += confusion_maps(found.confusion)
        parts += changed_pairs(counts_of(found.confusion))
    parts += [Prose(one_line(note)) for note in found.notes]
    return tuple(parts)


def _metrics(found: TaskComparison) -> Table:
    return Table(
        caption=f"Metrics of {one_line(found.task)} over {count(found.n)} samples",
        kind="metrics",
        detail="Interval: 95 %, of the change, by resampling samples of both sides "
        "together.",
        columns=(
            Column("metric"),
            Column("before", "num", "of the reference"),
            Column("after", "num", "of the candidate"),
            Column("change", "num"),
            Column("interval", "num", "of the change, 95 %"),
            Column("adjusted p", "num", "as large a loss by chance"),
            Column("verdict"),
        ),
        rows=tuple(_metric_row(metric) for metric in found.metrics),
    )


def _metric_row(metric: TaskMetric) -> Row:
    tested = metric.p_adjusted is not None or metric.verdict != "undecided"
    return Row(
        (
            name(metric_label(metric.name), 40),
            num(number(metric.reference)),
            num(number(metric.candidate), title=one_line(metric.unscored or "")),
            _change(metric),
            num(interval(metric).replace(" to -", " to \u2212")),
            num(probability(metric.p_adjusted)),
            Cell(badge=class_badge(metric.verdict)) if tested else num(MISSING),
        )
    )


def _change(metric: TaskMetric) -> Cell:
    loss = metric.loss or 0.0
    kind = "worse" if loss > 0 else "better" if loss < 0 else ""
    return num(signed_number(change(metric)), kind=kind)


def _parts(found: tuple[PartComparison, ...], noun: str, place: str) -> Table:
    judged = noun == "slice"
    ranked = worst_first(found)
    shown = ranked[:MAX_PARTS]
    names = _names(shown)
    flips = judged and any(part.n_regressed is not None for part in shown)
    hidden = len(ranked) - FEW_PARTS
    more = f"{count(hidden)} more; all are in the JSON report." if hidden > 0 else ""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    columns = [Column(noun), Column("n", "num")]
    for metric in names:
        columns += [Column(metric_label(metric), "num"), Column("change", "num")]
    if flips:
        columns += [
            Column("lost", "num", "right before, wrong now"),
            Column("won", "num", "wrong before, right now"),
        ]
    if judged:
        columns.append(Column("verdict"))
    return Table(
        caption=f"{count(len(found))} {noun if len(found) == 1 else plural}",
        id=f"{place}--{plural}",
        kind="parts",
        detail="Worst first; the value is the candidate's.",
        columns=tuple(columns),
        rows=tuple(_part_row(part, names, flips, judged) for part in shown),
        more=more,
        sortable=True,
        filter=plural,
        limit=FEW_PARTS,
    )


def _names(parts: list[PartComparison]) -> list[str]:
    """Of the metrics that are shown: the first ones that any part has."""
    names: dict[str, None] = {}
    for part in parts:
        names.update(dict.fromkeys(metric.name for metric in part.metrics))
    return list(names)[:_SHOWN]


def _part_row(part: PartComparison, names: list[str], flips: bool, judged: bool) -> Row:
    found = {metric.name: metric for metric in part.metrics}
    cells = [name(part.name, 40), num(count(part.n))]
    for metric in names:
        own = found.get(metric)
        cells.append(num(number(own.candidate if own else None)))
        cells.append(_change(own) if own else num(MISSING))
    if flips:
        cells += [num(count(part.n_regressed)), num(count(part.n_improved))]
    if judged and part.unjudged is not None:
        few = one_line(part.unjudged)
        cells.append(Cell(badge=badge("not-run"), note=few))
    elif judged:
        cells.append(Cell(badge=class_badge(part.verdict)))
    return Row(tuple(cells))
