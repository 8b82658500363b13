"""Confusion of many classes: pictures, as tables of so many cells cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import count, one_line, quantity, shorten
from harness.report.view.page import Cell, Picture, Pictures
from harness.report.view.pixels import (
    CHANGES,
    MAGNITUDES,
    STEPS,
    block_of,
    matrix_picture,
    step,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.report.view.counts import Counts


def confusion_pictures(counts: Counts, place: str, title: str) -> Pictures:
    """Reference, candidate and their difference."""
    before = [(i, j, n) for i, j, n, _ in counts.cells]
    after = [(i, j, n) for i, j, _, n in counts.cells]
    pictures = [
        _shares(counts, "Reference", before, place),
        _shares(counts, "Candidate", after, place),
    ]
    if any(old != new for *_, old, new in counts.cells):
        pictures.append(_changes(counts, place))
    return Pictures(title, tuple(pictures), _detail(counts))


def _detail(counts: Counts) -> str:
    n = len(counts.names)
    block = block_of(n)
    shared = f" A point is {block} by {block} classes." if block > 1 else ""
    left_out = counts.n_left_out
    lost = f" {count(left_out)} more cells, of fewer samples." if left_out else ""
    return (
        f"{count(n)} true classes from the top, answers from the left; points darken "
        f"with their share of the class.{shared}{lost} In the difference, orange is "
        "worse (right answers lost, wrong ones gained) and blue is better."
    )


def _shares(
    counts: Counts, caption: str, cells: list[tuple[int, int, int]], place: str
) -> Picture:
    totals = counts.totals
    known = [(i, j, step(n / max(totals[i], n, 1))) for i, j, n in cells]
    src, size = matrix_picture(len(counts.names), known, MAGNITUDES)
    wrong = sum(n for i, j, n in cells if i != j)
    alt = f"{caption}: {quantity(wrong, 'sample')} off the diagonal"
    return _picture(counts, (caption, alt), (src, size), place, "magnitudes")


def _changes(counts: Counts, place: str) -> Picture:
    scale = max(abs(after - before) for *_, before, after in counts.cells)
    cells = (
        (i, j, _colour(after - before, scale, i == j))
        for i, j, before, after in counts.cells
    )
    src, size = matrix_picture(len(counts.names), cells, CHANGES)
    return _picture(
        counts,
        ("Candidate less reference", _most(counts)),
        (src, size),
        place,
        "changes",
    )


def _colour(change: int, scale: int, diagonal: bool) -> int:
    if not change:
        return 0
    better = (change > 0) == diagonal
    return step(abs(change) / scale) + (STEPS if better else 0)


def _most(counts: Counts) -> str:
    """The difference in words."""
    told = [
        f"true {_short(counts, i)} taken for {_short(counts, j)} {after - before:+d}"
        for i, j, before, after in counts.changed[:3]
    ]
    return f"Candidate less reference: {_listed(told)}"


def _listed(told: Iterable[str]) -> str:
    return "; ".join(told) or "no confusion changed"


def _short(counts: Counts, index: int) -> str:
    return shorten(one_line(counts.names[index]), 24)


def _picture(
    counts: Counts,
    words: tuple[str, str],
    drawn: tuple[str, tuple[int, int]],
    place: str,
    kind: str,
) -> Picture:
    (caption, alt), (src, size) = words, drawn
    n = len(counts.names)
    smooth = " smooth" if block_of(n) > 1 else ""
    kinds = f"matrix-map {kind}{smooth}"
    return Picture(Cell(caption), src, alt, size, place=place, classes=n, kind=kinds)
