"""Where decisions went: flows of many samples, and whether answers collapsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import count, one_line, percent, quantity, shorten
from harness.report.view.cells import name, num
from harness.report.view.page import Column, Prose, Row, Table

if TYPE_CHECKING:
    from harness.core.results import Flow, LabelComparison

_MAX_FLOWS = 15
# A change that a reader should know of: so much more of the answers' diversity is gone.
_COLLAPSED = 0.05


def flow_table(found: LabelComparison) -> Table | None:
    """Flows of more than one sample, largest first; None where there are none."""
    many = [flow for flow in found.flows if flow.n > 1]
    if not many:
        return None
    first = many[0]
    return Table(
        caption=f"Flows: {quantity(first.n, 'sample')} went from "
        f"\u201c{_short(first.old)}\u201d to \u201c{_short(first.new)}\u201d",
        kind="flows",
        detail="Samples of one true class that moved alike. Margin: mean over them.",
        columns=(
            Column("true"),
            Column("was"),
            Column("is"),
            Column("n", "num"),
            Column("mean margin", "num"),
        ),
        rows=tuple(_row(flow) for flow in many[:_MAX_FLOWS]),
        more=f"{count(len(many) - _MAX_FLOWS)} more in the JSON report."
        if len(many) > _MAX_FLOWS
        else "",
        sortable=True,
    )


def collapse_note(found: LabelComparison) -> Prose | None:
    """Said where the candidate's answers fall on clearly fewer classes."""
    before, after = found.collapse_reference, found.collapse
    if before is None or after is None or after - before < _COLLAPSED:
        return None
    return Prose(
        f"The candidate's answers fall on fewer classes: its collapse index is "
        f"{percent(after)}, the reference's {percent(before)} (0 % where every class "
        "is answered alike often)."
    )


def _short(text: str) -> str:
    return shorten(one_line(text), 24)


def _row(flow: Flow) -> Row:
    return Row(
        (
            name("\u2013" if flow.true is None else flow.true, 24),
            name(flow.old, 24),
            name(flow.new, 24),
            num(count(flow.n)),
            num(f"{flow.mean_margin:.3f}"),
        )
    )
