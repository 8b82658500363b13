"""A diagnosis for a terminal: a card a cause, and what else was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report import evidence_text, words
from harness.report.text import aligned, one_line, quantity, scientific, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.findings import DriftReport, ErrorProfile, Finding, RunMatrix

_MANUAL = "docs/drift"
_LABEL = 11
_MOST_STEPS = 12
_MARKS = {"error": "CAUSE", "warning": "LEAD", "info": "NOTE"}


def render_drift(report: DriftReport, width: int = 80) -> str:
    """What ``harness diagnose`` prints.

    Args:
        report: The record.
        width: Columns to stay within.
    """
    lines = [*_verdict(report, width)]
    for finding in report.findings:
        lines += ["", *_card(finding, width)]
    if report.profile is not None:
        lines += ["", *_profile(report.profile, width)]
    for matrix in report.matrices:
        lines += ["", *_matrix(matrix, width)]
    for notice in report.notices:
        lines += ["", *wrap(f"note: {one_line(notice)}", width, "", "  ")]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _verdict(report: DriftReport, width: int) -> Iterator[str]:
    samples = quantity(report.n_samples, "sample")
    error = "outputs of other shapes"
    if report.max_abs_error is not None:
        error = f"max error {scientific(report.max_abs_error)}"
    flips = ""
    if report.n_flipped:
        flips = f", {quantity(report.n_flipped, 'top class', 'top classes')} moved"
    state = "DRIFT" if report.drifts else "NO DRIFT"
    names = f"{one_line(report.candidate)} against {one_line(report.reference)}"
    yield from wrap(f"{state}: {names}", width, "", "  ")
    yield from wrap(f"{error}{flips} on {samples}", width, "  ", "  ")
    if report.drifts and not report.findings:
        yield from wrap("No known cause explains it.", width, "  ", "  ")


def _card(finding: Finding, width: int) -> Iterator[str]:
    place = words.place(finding)
    head = f"{_MARKS[finding.severity]} {finding.code} {finding.cause} at {place}"
    yield from wrap(one_line(head), width, "", "  ")
    yield from wrap(one_line(finding.explanation), width, "  ", "  ")
    for label, text in _rows(finding):
        first = f"  {label}".ljust(_LABEL + 2)
        yield from wrap(one_line(text), width, first, " " * (_LABEL + 2))


def _rows(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.reference_semantics:
        yield "reference", finding.reference_semantics
    if finding.candidate_semantics:
        yield "candidate", finding.candidate_semantics
    yield "proof", _proof(finding)
    if finding.hint:
        yield "next", finding.hint
    yield "manual", f"{_MANUAL}/{finding.code}.md"


def _proof(finding: Finding) -> str:
    proof = finding.proof
    if proof is None:
        return "none: no edit was tried"
    told = f"{words.proof(proof)}: {words.errors(proof)}"
    flips = words.flips(proof)
    return f"{told}; {flips}" if flips else told


def _profile(profile: ErrorProfile, width: int) -> Iterator[str]:
    """Where error is injected, the first place marked."""
    yield from wrap(evidence_text.profile_title(profile), width, "", "  ")
    rows = evidence_text.profile_rows(profile, _MOST_STEPS)
    if rows:
        yield from aligned([evidence_text.PROFILE_HEADER, *rows], width, "  ")


def _matrix(matrix: RunMatrix, width: int) -> Iterator[str]:
    title = f"{one_line(matrix.variant)} {evidence_text.matrix_title(matrix)}"
    yield from wrap(title, width, "", "  ")
    rows = [evidence_text.MATRIX_HEADER, *evidence_text.matrix_rows(matrix)]
    yield from aligned(rows, width, "  ")
