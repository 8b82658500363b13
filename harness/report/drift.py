"""A diagnosis for a terminal: a card a cause, and what else was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report import words
from harness.report.text import MISSING, one_line, quantity, scientific, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.findings import DriftReport, ErrorProfile, Finding, RunMatrix

_MANUAL = "docs/drift"
_LABEL = 11
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
    """Where error is injected: the guilty steps, and how many there are in all."""
    guilty = [step for step in profile.steps if step.guilty]
    held = quantity(len(profile.steps), "tensor")
    text = f"{held} held against the reference on"
    text += f" {quantity(profile.n_samples, 'sample')}; {len(guilty)} inject error"
    yield from wrap(text, width, "", "  ")
    for step in guilty:
        line = f"{step.op_type} '{step.candidate_node}': {step.injected:.2g} injected,"
        line += f" {step.floor:.1g} is rounding"
        yield from wrap(one_line(line), width, "  ", "    ")


def _matrix(matrix: RunMatrix, width: int) -> Iterator[str]:
    samples = quantity(matrix.n_samples, "sample")
    text = f"{one_line(matrix.variant)} run in other ways, against as it is deployed"
    yield from wrap(f"{text}, {samples}", width, "", "  ")
    rows = [("way", "max error", "rounding", "moved", "")]
    for cell in matrix.cells[1:]:
        way = f"{cell.axis.replace('_', ' ')} {cell.value}"
        moved = MISSING if cell.n_flipped is None else str(cell.n_flipped)
        if cell.max_abs_error is None:
            rows.append((way, MISSING, MISSING, MISSING, one_line(cell.reason or "")))
            continue
        error, floor = scientific(cell.max_abs_error), scientific(cell.floor)
        rows.append((way, error, floor, moved, "PARTS" if cell.parts else "alike"))
    wide = max(len(row[0]) for row in rows)
    for way, error, floor, moved, said in rows:
        line = f"  {way:<{wide}}  {error:>9}  {floor:>9}  {moved:>5}  {said}"
        yield line[:width]
