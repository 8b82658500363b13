"""The file run in other ways, against as it is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import MISSING, count, one_line, quantity, scientific, shorten
from harness.report.view.cells import name, num
from harness.report.view.page import Cell, Column, Row, Table

if TYPE_CHECKING:
    from harness.core.results import MatrixCell, RunMatrix

_MAX_ROWS = 60
_MAX_REASON = 400


def summary(matrix: RunMatrix) -> str:
    """The block's conclusion in a line."""
    others = matrix.cells[1:]
    parting = [cell for cell in others if cell.parts]
    lost = sum(cell.max_abs_error is None for cell in others)
    ran = f"{quantity(len(others) - lost, 'other way', 'other ways')} to run it"
    answer = "answers" if len(parting) == 1 else "answer"
    told = f"{len(parting)} {answer} otherwise" if parting else "all answer alike"
    first = f", first {_way(parting[0])}" if parting else ""
    unrun = f"; {lost} could not be run" if lost else ""
    return f"{ran}; {told}{first}{unrun}"


def run_table(matrix: RunMatrix) -> Table:
    """A row for each way to run it, in the order in which they were tried."""
    others = matrix.cells[1:]
    hidden = len(others) - _MAX_ROWS
    return Table(
        caption="Run in other ways, against as it is deployed",
        kind="runs",
        detail=f"On {quantity(matrix.n_samples, 'sample')}.",
        columns=(
            Column("way"),
            Column("max error", "num", "max |c - r|, r as it is deployed"),
            Column("rounding", "num", "largest difference that is rounding here"),
            Column("moved", "num", "top classes that differ"),
            Column("answers", "wide"),
        ),
        rows=tuple(map(_row, others[:_MAX_ROWS])),
        more=f"{count(hidden)} more in the JSON report." if hidden > 0 else "",
    )


def _way(cell: MatrixCell) -> str:
    way = f"{one_line(cell.axis).replace('_', ' ')} {one_line(cell.value)}"
    return shorten(way.strip(), 40)


def _row(cell: MatrixCell) -> Row:
    ran = cell.max_abs_error is not None
    cells = (
        name(_way(cell), 40),
        num(scientific(cell.max_abs_error)),
        num(scientific(cell.floor) if ran else MISSING),
        num(count(cell.n_flipped)),
        _answer(cell),
    )
    return Row(cells)


def _answer(cell: MatrixCell) -> Cell:
    if cell.max_abs_error is None:
        reason = one_line(cell.reason or "no reason given")
        return Cell(f"not run: {shorten(reason, _MAX_REASON)}")
    return Cell("otherwise", kind="worse") if cell.parts else Cell("alike")
