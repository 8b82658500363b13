"""Where decisions went: flows of many samples, and whether answers collapsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.charts.flow import flow_drawing
from harness.report.text import count, one_line, percent, quantity, shorten
from harness.report.view.cells import name, num
from harness.report.view.page import (
    Badge,
    Beside,
    Cell,
    Column,
    Figure,
    Gallery,
    Part,
    Prose,
    Row,
    Table,
)

if TYPE_CHECKING:
    from harness.core.results import Flow, LabelComparison

_MAX_FLOWS = 15
_MAX_DRAWN = 24
_LEGEND = (
    Badge("was right", "", "key lost"),
    Badge("is right now", "", "key won"),
    Badge("wrong before and after", "", "key moved"),
)
# A change that a reader should know of: so much more of the answers' diversity is gone.
_COLLAPSED = 0.05


def flow_parts(found: LabelComparison) -> list[Part]:
    """Flows drawn, and as a table; nothing where no two samples moved alike."""
    table = flow_table(found)
    return [] if table is None else [Beside((_drawn(found), table))]


def _drawn(found: LabelComparison) -> Gallery:
    flows = found.flows[:_MAX_DRAWN]
    shown = sum(flow.n for flow in flows)
    first = flows[0]
    labelled = any(flow.true is not None for flow in flows)
    figure = Figure(
        title=Cell(f"{count(shown)} of {quantity(found.n_flipped, 'flip')}"),
        svg=flow_drawing(flows),
        label=f"The largest: {_words(first)}, {quantity(first.n, 'sample')}",
    )
    return Gallery(
        title="Where decisions went",
        figures=(figure,),
        detail="From the true class over the reference's answer to the candidate's; "
        "as thick as there are samples."
        if labelled
        else "From the reference's answer to the candidate's.",
        kind="flow",
        legend=_LEGEND if labelled else (),
    )


def _words(flow: Flow) -> str:
    moved = f"from \u201c{_short(flow.old)}\u201d to \u201c{_short(flow.new)}\u201d"
    return (
        moved if flow.true is None else f"true \u201c{_short(flow.true)}\u201d {moved}"
    )


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
