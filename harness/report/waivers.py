"""Waivers in words: what is waived, by whom, and which ones fail the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import one_line, quantity

if TYPE_CHECKING:
    from harness.core.results import QualityReport, VariantResult
    from harness.core.waivers import Waiver, WaiverUse

WAIVED = "waived"
_STALE = ("expired", "unused")
_NEXT = {
    "expired": "mend the model, or agree on a later day",
    "unused": "nothing fails there: take it out of the file",
}


def stale(report: QualityReport) -> tuple[WaiverUse, ...]:
    """Waivers that fail the run: expired ones, and ones that nothing needs."""
    return tuple(use for use in report.waivers if use.state in _STALE)


def what(waiver: Waiver) -> str:
    """``int8 per_class_recall 8``: variant, check and part."""
    parts = (waiver.variant, waiver.check, waiver.part or "")
    return one_line(" ".join(part for part in parts if part))


def told(use: WaiverUse) -> str:
    """One that fails the run: which, since when, whose, and what to do."""
    waiver = use.waiver
    late = use.state == "expired"
    state = f"expired on {waiver.until}" if late else f"is {use.state}"
    who = f"{waiver.who}: {waiver.why}"
    said = f"{what(waiver)} {state} (line {waiver.line}, {who})"
    return f"{one_line(said)}; {_NEXT[use.state]}"


def counts(report: QualityReport) -> str:
    """``1 waiver expired, 2 unused``; empty where none fails the run."""
    states: list[str] = [use.state for use in stale(report)]
    found = [(states.count(state), state) for state in _STALE]
    parts = [(n, state) for n, state in found if n]
    if not parts:
        return ""
    (n, state), *rest = parts
    more = "".join(f", {count} {word}" for count, word in rest)
    return f"{quantity(n, 'waiver')} {state}{more}"


def waived(variant: VariantResult) -> tuple[tuple[str, str], ...]:
    """Check and waiver in words, of a variant's waived checks."""
    return tuple(
        (check.name, one_line(line))
        for check in variant.checks
        for line in check.waived
    )
