"""Scales and codes of a quantized variant: what is odd, and ranges beside the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import number, one_line, percent, quantity, shorten
from harness.report.view.cells import name, num, sentence
from harness.report.view.page import Callouts, Column, Part, Prose, Row, Table

if TYPE_CHECKING:
    from harness.core.results import (
        QuantizationAudit,
        QuantizationFinding,
        QuantizedRange,
    )

_MAX_ROWS = 12
_MAX_CALLOUTS = 8
_MAX_TEXT = 400


def audit_parts(audit: QuantizationAudit) -> list[Part]:
    """What the audit found, then activations beside what samples showed there."""
    return [_findings(audit), *([_ranges(audit)] if audit.ranges else [])]


def _findings(audit: QuantizationAudit) -> Part:
    counts = f"{audit.n_weights} weights and {audit.n_activations} activations"
    if not audit.findings:
        text = f"The scales and codes of {counts} were looked at: nothing is odd."
        if audit.unranged:
            why = one_line(audit.unranged)
            text += f" Activations were not held against data: {why}."
        return Prose(text, "empty")
    items = tuple(
        (f"{one_line(one.code)} {one_line(one.cause)}", _told(one))
        for one in audit.findings[:_MAX_CALLOUTS]
    )
    hidden = len(audit.findings) - len(items)
    more = f"{quantity(hidden, 'more finding')} in the JSON report." if hidden else ""
    return Callouts(f"Audit of the scales and codes of {counts}", items, more)


def _told(one: QuantizationFinding) -> str:
    hint = f" {sentence(one.hint)}" if one.hint else ""
    return shorten(f"{one_line(one.explanation)} ({one.severity}).{hint}", _MAX_TEXT)


def _ranges(audit: QuantizationAudit) -> Table:
    worst = sorted(audit.ranges, key=lambda r: (-r.share_clipped, -r.share_unused))
    hidden = len(worst) - _MAX_ROWS
    return Table(
        caption=f"Ranges of {quantity(len(worst), 'activation')} beside what"
        f" {quantity(audit.n_samples, 'sample')} of the reference show",
        kind="drift",
        detail="Most clipped first, then most of the range unused.",
        columns=(
            Column("activation"),
            Column("range", "num", "smallest and largest number that its codes mean"),
            Column("seen", "num", "smallest and largest number of the float model"),
            Column("clipped", "num", "share of what was seen, beyond the range"),
            Column("unused", "num", "share of the codes, beyond what was seen"),
        ),
        rows=tuple(map(_row, worst[:_MAX_ROWS])),
        more=f"{quantity(hidden, 'more activation')}, none worse; all are in the JSON"
        " report."
        if hidden > 0
        else "",
        sortable=True,
    )


def _row(found: QuantizedRange) -> Row:
    cells = (
        name(found.tensor, 42, kind="code"),
        num(f"{number(found.low)} to {number(found.high)}"),
        num(f"{number(found.seen_min)} to {number(found.seen_max)}"),
        num(percent(found.share_clipped)),
        num(percent(found.share_unused)),
    )
    return Row(cells)
