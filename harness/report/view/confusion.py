"""Confusion of reference and candidate side by side, and their difference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.report.text import columns, count, one_line, quantity, shorten
from harness.report.view.cells import name, num, typeset
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

if TYPE_CHECKING:
    from harness.core.results import Confusion

MAX_HEATMAP = 40
_MAX_NUMBERS = 12
_MAX_PAIRS = 15
_STEPS = 9

Matrix = tuple[tuple[int, ...], ...]


def confusion_maps(found: Confusion) -> list[Part]:
    """Heatmaps, while there are few enough classes to read them."""
    difference = _subtract(found.candidate, found.reference)
    changed = any(any(row) for row in difference)
    parts: list[Part] = []
    if len(found.classes) <= MAX_HEATMAP:
        parts.append(_heatmaps(found, difference if changed else None))
    if not changed:
        parts.append(Prose("The two confusion matrices are equal.", "empty"))
    return parts


def _subtract(left: Matrix, right: Matrix) -> Matrix:
    rows = zip(left, right, strict=True)
    return tuple(tuple(a - b for a, b in zip(*pair, strict=True)) for pair in rows)


def _heatmaps(found: Confusion, difference: Matrix | None) -> Heatmaps:
    maps = [
        _heatmap("Reference", found.classes, found.reference, signed=False),
        _heatmap("Candidate", found.classes, found.candidate, signed=False),
    ]
    if difference is not None:
        title = "Candidate less reference"
        maps.append(_heatmap(title, found.classes, difference, signed=True))
    return Heatmaps(
        title=f"Confusion: {_most(found, difference)}",
        detail="Rows are true classes, columns are answers; cells count samples and "
        "darken with their share of the row. In the difference, orange is worse "
        "(right answers lost, wrong ones gained) and blue is better.",
        maps=tuple(maps),
    )


def _most(found: Confusion, difference: Matrix | None) -> str:
    """What to see: the confusion that grew most."""
    ranked = _ranked(difference) if difference else []
    grown = [(i, j) for i, j in ranked if difference and difference[i][j] > 0]
    if not grown or difference is None:
        return "which class is taken for which"
    i, j = grown[0]
    true, answer = (shorten(one_line(found.classes[k]), 24) for k in (i, j))
    more = quantity(difference[i][j], "time")
    return (
        f"\u201c{true}\u201d is taken for \u201c{answer}\u201d {more} more than before"
    )


def _heatmap(
    caption: str, classes: tuple[str, ...], matrix: Matrix, *, signed: bool
) -> Heatmap:
    names = [one_line(n) for n in classes]
    labels = tuple(Cell(shorten(n, 10), title=n) for n in names)
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
    return Cell(shown, kind=kind, title=f"true {names[i]}, answer {names[j]}: {shown}")


def _magnitude(n: int, total: int) -> str:
    """Steps of the square root of the share, so that rare confusions show."""
    return f"m{_step(n, total)}"


def _difference(n: int, scale: int, diagonal: bool) -> str:
    better = (n > 0) == diagonal
    return f"{'b' if better else 'w'}{_step(abs(n), scale)}"


def _step(n: int, whole: int) -> int:
    return max(math.ceil(_STEPS * math.sqrt(n / whole)), 1) if n and whole else 0


def changed_pairs(found: Confusion) -> list[Part]:
    """The confusions that changed most, as a table; nothing where none did."""
    difference = _subtract(found.candidate, found.reference)
    ranked = _ranked(difference)
    if not ranked:
        return []
    hidden = len(ranked) - _MAX_PAIRS
    return [
        Table(
            caption=f"Confusions that changed: {quantity(len(ranked), 'pair')}",
            kind="pairs",
            detail="Largest change first.",
            columns=(
                Column("true"),
                Column("taken for"),
                Column("before", "num"),
                Column("after", "num"),
                Column("change", "num"),
            ),
            rows=tuple(_pair(found, i, j) for i, j in ranked[:_MAX_PAIRS]),
            more=f"{count(hidden)} more pairs change by no more." if hidden > 0 else "",
            sortable=True,
        )
    ]


def _ranked(difference: Matrix) -> list[tuple[int, int]]:
    """Cells off the diagonal that changed, the most first."""
    changed = sorted(
        (-abs(n), i, j)
        for i, row in enumerate(difference)
        for j, n in enumerate(row)
        if n and i != j
    )
    return [(i, j) for _, i, j in changed]


def _pair(found: Confusion, i: int, j: int) -> Row:
    before, after = found.reference[i][j], found.candidate[i][j]
    change = num(f"{after - before:+d}", kind="worse" if after > before else "better")
    cells = (name(found.classes[i], 28), name(found.classes[j], 28))
    return Row((*cells, num(count(before)), num(count(after)), change))
