"""The panel of errors: one row an output, side by side what no single number tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.text import (
    MISSING,
    count,
    decibel,
    one_line,
    percent_cell,
    quantity,
    scientific,
)
from harness.report.view.cells import name, num
from harness.report.view.page import Column, Row, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.results import OutputComparison
    from harness.report.view.page import Cell

_TOLERANCE = (
    Column("tolerance", "num", "|c - r| <= atol + rtol |r|"),
    Column("mismatched", "num", "elements that break the tolerance"),
)


@dataclass(frozen=True, slots=True)
class _Measure:
    """A column of the panel: a field of the comparison, and how its value reads."""

    label: str
    hint: str
    field: str
    unit: Callable[[Any], str]

    def show(self, found: OutputComparison) -> str:
        return self.unit(getattr(found, self.field))


def _if_any(n: int) -> str:
    return count(n) if n else MISSING


def _six(value: float | None) -> str:
    return MISSING if value is None else f"{value:.6f}"


def _shift(value: tuple[int, int] | None) -> str:
    return MISSING if value is None else f"{value[0]:+d}, {value[1]:+d}"


_MEASURES = (
    _Measure("non-finite", "elements NaN or infinite", "n_nonfinite", _if_any),
    _Measure("max", "max |c - r|", "max_abs_error", scientific),
    _Measure("mean", "mean |c - r|", "mean_abs_error", scientific),
    _Measure("RMSE", "sqrt(mean (c - r)^2)", "rmse", scientific),
    _Measure("SQNR", "10 log10(sum r^2 / sum (c - r)^2)", "sqnr_db", decibel),
    _Measure("cosine", "<r, c> / (|r| |c|)", "cosine_similarity", _six),
    _Measure("best gain", "the a that fits c = a r best", "best_gain", _six),
    _Measure("residual", "RMSE that the gain leaves", "gain_residual", scientific),
    _Measure(
        "sorted max",
        "max |sort(c) - sort(r)| within a sample: 0 for a permutation",
        "sorted_max_abs_error",
        scientific,
    ),
    _Measure("on border", "share of the error there", "border_share", percent_cell),
    _Measure("best shift", "rows, columns by which c fits best", "best_shift", _shift),
    _Measure(
        "required atol",
        "least atol at which nothing is mismatched, rtol unchanged",
        "required_atol",
        scientific,
    ),
)


def panel(outputs: tuple[OutputComparison, ...], *, held: bool) -> Table:
    """Errors of each output; with its tolerance where it is held to one."""
    shown = [m for m in _MEASURES if any(m.show(o) != MISSING for o in outputs)]
    return Table(
        caption=f"Error of {quantity(len(outputs), 'output')}, candidate c against "
        "reference r",
        kind="panel",
        columns=(
            Column("output"),
            *(Column(m.label, "num", m.hint) for m in shown),
            *(_TOLERANCE if held else ()),
        ),
        rows=tuple(_panel_row(output, shown, held=held) for output in outputs),
        sortable=len(outputs) > 1,
    )


def _panel_row(found: OutputComparison, shown: list[_Measure], *, held: bool) -> Row:
    measured = (_measured(found, measure) for measure in shown)
    broken = num(
        count(found.n_mismatched),
        kind="worse" if found.n_mismatched else "zero",
        note=f"of {count(found.n_elements)}",
    )
    judged = (num(_tolerance(found)), broken) if held else ()
    return Row((name(found.name, 30, kind="code"), *measured, *judged))


def _tolerance(found: OutputComparison) -> str:
    atol = scientific(found.atol)
    return f"{atol} + {scientific(found.rtol)} |r|" if found.rtol else atol


def _measured(found: OutputComparison, measure: _Measure) -> Cell:
    reason = one_line(found.unscored.get(measure.field, ""))
    return num(measure.show(found), title=reason)
