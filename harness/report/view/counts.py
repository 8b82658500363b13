"""Confusions as the cells that hold samples, whether a matrix was kept whole or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.core.results import Confusion, LabelComparison

Cell = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """Cells of two confusion matrices of the same classes.

    Attributes:
        names: Of the classes.
        cells: (true, answer, before, after) of those with samples; those that changed
            most first, then those of most samples.
        totals: Samples truly of each class.
        n_left_out: Cells with samples that the record does not hold.
    """

    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    totals: tuple[int, ...]
    n_left_out: int = 0

    @property
    def changed(self) -> list[Cell]:
        """Off the diagonal, where the counts differ; the most first."""
        return [c for c in self.cells if c[0] != c[1] and c[2] != c[3]]

    @property
    def grown(self) -> list[Cell]:
        """Of these, confusions that became more."""
        return [c for c in self.changed if c[3] > c[2]]


def counts_of(found: Confusion) -> Counts:
    """The cells of matrices that are kept whole."""
    sides = zip(found.reference, found.candidate, strict=True)
    cells = [
        (i, j, before, after)
        for i, rows in enumerate(sides)
        for j, (before, after) in enumerate(zip(*rows, strict=True))
        if before or after
    ]
    totals = tuple(sum(row) for row in found.reference)
    return Counts(found.classes, tuple(sorted(cells, key=_rank)), totals)


def decided_counts(found: LabelComparison) -> Counts | None:
    """The cells of a comparison; None without labels, and in records of old."""
    if found.confusion is not None:
        return counts_of(found.confusion)
    sparse = found.confusion_cells
    names = tuple(row.class_name for row in found.per_class)
    if sparse is None or not names:
        return None
    n = len(names)
    known = [c for c in sparse.cells if 0 <= c[0] < n and 0 <= c[1] < n]
    totals = tuple(row.n for row in found.per_class)
    return Counts(names, tuple(sorted(known, key=_rank)), totals, sparse.n_left_out)


def _rank(cell: Cell) -> tuple[int, int, int, int]:
    i, j, before, after = cell
    return -abs(after - before), -max(before, after), i, j
