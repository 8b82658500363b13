"""Confusion of reference and candidate side by side, and their difference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.report.text import bounded, columns, count, one_line, quantity, shorten
from harness.report.view.cells import name, num, typeset
from harness.report.view.confusion_pictures import confusion_pictures
from harness.report.view.counts import counts_of
from harness.report.view.page import (
    Cell,
    Column,
    Heatmap,
    Heatmaps,
    Part,
    Prose,
    Row,
    Table,
)
from harness.report.view.pixels import step

if TYPE_CHECKING:
    from harness.core.results import Confusion
    from harness.report.view.counts import Counts

MAX_HEATMAP = 40
_MAX_NUMBERS = 12
_FEW_PAIRS = 15
_MAX_PAIRS = 120
_EQUAL = "The two confusion matrices are equal."

Matrix = tuple[tuple[int, ...], ...]


def confusion_maps(found: Confusion, place: str = "") -> list[Part]:
    """Matrices of few classes as tables, of more as pictures.

    Args:
        found: Both matrices.
        place: Whose samples their cells open; empty where there are none.
    """
    counts = counts_of(found)
    if len(found.classes) > MAX_HEATMAP:
        return sparse_maps(counts, place)
    if not found.classes:
        return []
    changed = any(before != after for *_, before, after in counts.cells)
    parts: list[Part] = [_heatmaps(found, counts, place, changed=changed)]
    return parts if changed else [*parts, Prose(_EQUAL, "empty")]


def sparse_maps(counts: Counts, place: str) -> list[Part]:
    """Matrices as pictures; says so where they are equal."""
    drawn = confusion_pictures(counts, place, f"Confusion: {_most(counts)}")
    changed = any(before != after for *_, before, after in counts.cells)
    return [drawn] if changed else [drawn, Prose(_EQUAL, "empty")]


def _heatmaps(
    found: Confusion, counts: Counts, place: str, *, changed: bool
) -> Heatmaps:
    maps = [
        _heatmap("Reference", found.classes, found.reference, signed=False),
        _heatmap("Candidate", found.classes, found.candidate, signed=False),
    ]
    if changed:
        difference = _subtract(found.candidate, found.reference)
        title = "Candidate less reference"
        maps.append(_heatmap(title, found.classes, difference, signed=True))
    return Heatmaps(
        title=f"Confusion: {_most(counts)}",
        detail="Rows are true classes, columns are answers; cells count samples and "
        "darken with their share of the row. In the difference, orange is worse "
        "(right answers lost, wrong ones gained) and blue is better.",
        maps=tuple(replace(map_, place=place) for map_ in maps),
    )


def _subtract(left: Matrix, right: Matrix) -> Matrix:
    rows = zip(left, right, strict=True)
    return tuple(tuple(a - b for a, b in zip(*pair, strict=True)) for pair in rows)


def _most(counts: Counts) -> str:
    """What to see: the confusion that grew most."""
    if not counts.grown:
        return "which class is taken for which"
    i, j, before, after = counts.grown[0]
    true, answer = (shorten(one_line(counts.names[k]), 24) for k in (i, j))
    more = quantity(after - before, "time")
    return (
        f"\u201c{true}\u201d is taken for \u201c{answer}\u201d {more} more than before"
    )


def _heatmap(
    caption: str, classes: tuple[str, ...], matrix: Matrix, *, signed: bool
) -> Heatmap:
    names = [one_line(n) for n in classes]
    labels = tuple(Cell(shorten(n, 10), title=bounded(n)) for n in names)
    scale = max((abs(n) for row in matrix for n in row), default=0) if signed else 0
    rows = tuple(
        tuple(
            _cell(n, (i, j), names, _difference(n, scale, i == j))
            if signed
            else _cell(n, (i, j), names, _magnitude(n, sum(row)))
            for j, n in enumerate(row)
        )
        for i, row in enumerate(matrix)
    )
    return Heatmap(
        caption=caption,
        corner="true \\ answer",
        columns=labels,
        rows=tuple(zip(labels, rows, strict=True)),
        kind=_kind(names, signed=signed),
    )


def _kind(names: list[str], *, signed: bool) -> str:
    kinds = ["signed"] if signed else []
    if len(names) > _MAX_NUMBERS:
        kinds.append("tiny" if len(names) > 2 * _MAX_NUMBERS else "small")
    elif max(map(columns, names), default=0) > 3:
        kinds.append("upright")
    return " ".join(kinds)


def _cell(n: int, at: tuple[int, int], names: list[str], kind: str) -> Cell:
    if not n:
        return Cell("")
    shown = typeset(f"{n:+d}" if kind[0] in "wb" else count(n))
    i, j = at
    true, answer = (shorten(names[k], 60) for k in (i, j))
    return Cell(shown, kind=kind, title=f"true {true}, answer {answer}: {shown}")


def _magnitude(n: int, total: int) -> str:
    return f"m{step(n / total)}" if total else "m0"


def _difference(n: int, scale: int, diagonal: bool) -> str:
    better = (n > 0) == diagonal
    return f"{'b' if better else 'w'}{step(abs(n) / scale)}"


def changed_pairs(counts: Counts, place: str = "") -> list[Part]:
    """The confusions that changed most, as a table; nothing where none did."""
    ranked = counts.changed
    if not ranked:
        return []
    shown = ranked[:_MAX_PAIRS] if place else ranked[:_FEW_PAIRS]
    hidden = len(ranked) - len(shown)
    table = Table(
        caption=f"Confusions that changed: {quantity(len(ranked), 'pair')}",
        id=f"{place}--pairs" if place else "",
        kind="pairs",
        detail="Largest change first.",
        columns=(
            Column("true"),
            Column("taken for"),
            Column("before", "num"),
            Column("after", "num"),
            Column("change", "num"),
        ),
        rows=tuple(_pair(counts, cell, place) for cell in shown),
        more=f"{count(hidden)} more pairs change by no more." if hidden > 0 else "",
        sortable=True,
        filter="pairs" if place else "",
        limit=_FEW_PAIRS,
        place=place,
    )
    return [table]


def _pair(counts: Counts, cell: tuple[int, int, int, int], place: str) -> Row:
    i, j, before, after = cell
    kind = "worse" if after > before else "better"
    change = num(f"{after - before:+d}", kind=kind)
    opens = f"cell {i} {j}" if place else ""
    cells = (name(counts.names[i], 28), name(counts.names[j], 28))
    return Row(
        (*cells, num(count(before)), num(count(after)), replace(change, opens=opens))
    )
