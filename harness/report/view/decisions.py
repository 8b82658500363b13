"""Decisions: classes worst first, confusion, flips."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.report.charts.recall import RecallScale, dumbbell, marks, recall_axis
from harness.report.text import (
    count,
    one_line,
    percent,
    percent_cell,
    points,
    probability,
    quantity,
    shorten,
    slug,
)
from harness.report.view.cells import class_badge, name, num, typeset, unique
from harness.report.view.confusion import changed_pairs, confusion_maps, sparse_maps
from harness.report.view.counts import decided_counts
from harness.report.view.decided import decided
from harness.report.view.flows import collapse_note, flow_parts
from harness.report.view.page import Beside, Cell, Column, Part, Prose, Row, Table

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.core.results import ClassComparison, Flip, LabelComparison

FEW_CLASSES = 20
FEW_FLIPS = 15
_ORDER = {"fail": 0, "undecided": 1, "pass": 2}


def summary(found: LabelComparison) -> str:
    """The block's conclusion in a line."""
    parts = [f"{percent(found.top1_agreement)} agree with the reference"]
    if found.accuracy is not None and found.accuracy_reference is not None:
        change = typeset(points(found.accuracy - found.accuracy_reference))
        before = percent(found.accuracy_reference)
        after = percent(found.accuracy)
        parts.append(f"accuracy {before} \u2192 {after} ({change} points)")
    if found.n_regressed is not None and found.n_improved is not None:
        parts.append(f"{found.n_regressed:,} lost, {found.n_improved:,} won")
    return " \u00b7 ".join(parts)


def decision_parts(
    found: LabelComparison, place: str, shown: Collection[int] = ()
) -> tuple[Part, ...]:
    """Classes, confusion, flips; each says why where there is nothing to see.

    Args:
        found: Decisions of one candidate.
        place: Id of the candidate.
        shown: Samples whose inputs the record holds.
    """
    parts: list[Part] = []
    if found.per_class:
        parts.append(_classes(found.per_class, place))
    else:
        parts.append(Prose("The golden data has no labels: only agreement is known."))
    counts = decided_counts(found)
    flips = [_flips(found, place)]
    if found.confusion is not None:
        parts += confusion_maps(found.confusion, place)
    elif counts is not None:
        parts += sparse_maps(counts, place)
    if counts is not None:
        flips += changed_pairs(counts, place)
    parts.append(decided(found, counts, place, shown))
    parts.append(flips[0] if len(flips) == 1 else Beside(tuple(flips)))
    note = collapse_note(found)
    return (*parts, *flow_parts(found), *([note] if note else []))


def _classes(found: tuple[ClassComparison, ...], place: str) -> Table:
    numbers = {id(row): index for index, row in enumerate(found)}
    ranked = sorted(found, key=_badness)
    scale = RecallScale.over(found)
    ids: set[str] = set()
    rows = []
    for rank, row in enumerate(ranked):
        row_id = unique(f"{place}--class-{slug(row.class_name)}", ids)
        ids.add(row_id)
        told = _class_row(row, scale, numbers[id(row)], drawn=rank < FEW_CLASSES)
        first = replace(told.cells[0], href=f"#{row_id}")
        rows.append(replace(told, id=row_id, cells=(first, *told.cells[1:])))
    hidden = len(ranked) - FEW_CLASSES
    return Table(
        caption=_class_title(found),
        id=f"{place}--classes",
        kind="classes",
        detail="Ring: recall before. Dot: after. Thin line: 95 % interval of the "
        "recall after. Worst first.",
        columns=(
            Column("class"),
            Column("n", "num", "samples truly of the class"),
            Column("recall", "chart", "recall before and after", recall_axis(scale)),
            Column("before", "num", "recall of the reference, 95 % interval"),
            Column("after", "num", "recall of the candidate, 95 % interval"),
            Column("lost", "num", "right before, wrong now"),
            Column("won", "num", "wrong before, right now"),
            Column("adjusted p", "num", "exact McNemar, Holm over the classes"),
            Column("detectable", "num", "least drop of recall that n samples can show"),
            Column("verdict"),
        ),
        rows=tuple(rows),
        more=f"{count(hidden)} more classes, none worse; all are in the JSON report."
        if hidden > 0
        else "",
        sortable=True,
        filter="classes",
        limit=FEW_CLASSES,
        place=place,
    )


def _badness(row: ClassComparison) -> tuple[int, float, float]:
    return _ORDER[row.verdict], -_loss(row), row.p_adjusted


def _loss(row: ClassComparison) -> float:
    if row.recall is None or row.recall_reference is None:
        return 0.0
    return row.recall_reference - row.recall


def _class_title(found: tuple[ClassComparison, ...]) -> str:
    total = quantity(len(found), "class", "classes")
    losing = [row for row in found if _loss(row) > 0]
    if not losing:
        return f"Recall by class: none of {total} loses any"
    worst = max(losing, key=_loss)
    failed = sum(row.verdict == "fail" for row in found)
    lost = f"{worst.n_regressed} of {worst.n} lost"
    class_name = shorten(one_line(worst.class_name), 24)
    shown = f"; {failed} beyond the limit" if failed else ""
    verb = "loses" if len(losing) == 1 else "lose"
    head = f"Recall by class: {len(losing)} of {total} {verb}{shown}"
    return f"{head}; worst is \u201c{class_name}\u201d, {lost}"


def _class_row(
    row: ClassComparison, scale: RecallScale, index: int, *, drawn: bool
) -> Row:
    loss = _loss(row)
    change = "worse" if loss > 0 else "better" if loss < 0 else ""
    drop = row.min_detectable_drop
    lost = num(count(row.n_regressed), kind="worse" if row.n_regressed else "zero")
    cells = (
        name(row.class_name, 28),
        num(count(row.n)),
        Cell(
            svg=dumbbell(row, scale) if drawn else None,
            draw=marks(row, scale),
            sort=f"{-loss:.6f}",
        ),
        _recall(row.recall_reference, row.recall_reference_interval),
        _recall(row.recall, row.recall_interval, change),
        replace(lost, opens=f"class {index}" if row.n_regressed else ""),
        num(count(row.n_improved), kind="better" if row.n_improved else "zero"),
        num(probability(row.p_adjusted)),
        num("none" if drop is None else f"{100 * drop:.0f} pts"),
        Cell(badge=class_badge(row.verdict)),
    )
    return Row(cells, kind=row.verdict)


def _recall(
    value: float | None, interval: tuple[float, float] | None, kind: str = ""
) -> Cell:
    note = (
        ""
        if interval is None
        else f"{100 * interval[0]:.0f}\u2013{100 * interval[1]:.0f}"
    )
    title = "" if value is not None else "no samples of this class"
    return num(percent_cell(value), kind=kind, note=note, title=title)


def _flips(found: LabelComparison, place: str) -> Part:
    samples = quantity(found.n, "sample")
    if not found.n_flipped:
        return Prose(f"No flips: the two agree on all {samples}.", "empty")
    labelled = any(flip.true is not None for flip in found.flips)
    hidden = found.n_flipped - len(found.flips)
    true = (Column("true"),) if labelled else ()
    return Table(
        caption=f"Flips: {count(found.n_flipped)} of {samples} change their top class",
        id=f"{place}--flips",
        kind="flips",
        detail="Largest margin first: the reference's top score less its score for "
        "the candidate's class.",
        columns=(
            Column("sample", "num"),
            Column("id"),
            *true,
            Column("was"),
            Column("is"),
            Column("effect"),
            Column("margin", "num"),
        ),
        rows=tuple(_flip_row(flip, labelled=labelled) for flip in found.flips),
        more=_more_flips(found, hidden),
        sortable=True,
        filter="flips",
        limit=FEW_FLIPS,
        place=place,
    )


def _more_flips(found: LabelComparison, hidden: int) -> str:
    """What the page without its script does not show, and what the record does not."""
    folded = max(len(found.flips) - FEW_FLIPS, 0)
    told = [f"{count(folded)} more, of smaller margins, in the JSON report"] * (
        folded > 0
    )
    told += [f"{count(hidden)} of smaller margins are not listed"] * (hidden > 0)
    return f"{'; '.join(told)}." if told else ""


def _flip_row(flip: Flip, *, labelled: bool) -> Row:
    effect, kind = _effect(flip)
    true = (name(flip.true or "\u2013", 24),) if labelled else ()
    cells = (
        replace(num(count(flip.sample)), opens=f"sample {flip.sample}"),
        name(flip.sample_id or "\u2013", 24, kind="code"),
        *true,
        name(flip.old, 24),
        name(flip.new, 24),
        Cell(effect, kind=kind),
        num(f"{flip.margin:.3f}"),
    )
    return Row(cells)


def _effect(flip: Flip) -> tuple[str, str]:
    if flip.true is None:
        return "moved", ""
    if flip.old == flip.true:
        return "lost", "worse"
    return ("won", "better") if flip.new == flip.true else ("moved", "")
