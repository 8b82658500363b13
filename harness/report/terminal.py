"""The verdict for a terminal: at most `width` columns, words beside every colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report import evidence_text, tasks, waivers, words
from harness.report.checks import brief, unmet
from harness.report.states import WORDS, State, state_of, tally
from harness.report.text import (
    MISSING,
    aligned,
    columns,
    one_line,
    padded,
    percent,
    quantity,
    scientific,
    shorten,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.results import Check, Finding, QualityReport, VariantResult

# What the table takes at least.
_MIN_WIDTH = 72
_MAX_NAME = 32
_MIN_NAME = 8
_MAX_CODE = 12
_MAX_LINES = 6
_MOST_STEPS = 3
_RESET = "\x1b[0m"
_COLOURS: dict[State, str] = {
    "passed": "\x1b[32m",
    "failed": "\x1b[1;31m",
    "undecided": "\x1b[33m",
    "error": "\x1b[1;31m",
    "not-run": "\x1b[2m",
}


@dataclass(frozen=True, slots=True)
class _Page:
    colour: bool
    width: int

    def paint(self, text: str, state: State) -> str:
        return f"{_COLOURS[state]}{text}{_RESET}" if self.colour else text

    def wrap(self, text: str, first: str, rest: str) -> list[str]:
        shown = shorten(text, _MAX_LINES * self.width)
        return wrap(shown, self.width, first, rest)

    def table(self, rows: Sequence[Sequence[str]]) -> list[str]:
        return aligned(rows, self.width, "    ")


def render_terminal(report: QualityReport, *, colour: bool, width: int = 80) -> str:
    """The verdict, what failed and why, what was not run, and the counts.

    Args:
        report: The record.
        colour: Whether to write ANSI colours.
        width: Columns to stay within; at least 72 are used.
    """
    page = _Page(colour, max(width, _MIN_WIDTH))
    lines = [*_header(page, report), "", *_table(page, report)]
    for variant in report.candidates:
        lines += _variant(page, report, variant)
    for use in waivers.stale(report):
        lines += ["", *_titled(page, *_failed(page, "waiver"), waivers.told(use))]
    for notice in report.notices:
        lines += ["", *page.wrap(f"note: {one_line(notice)}", "", "  ")]
    counts = tally(report).words() or "no candidate was run"
    unkept = waivers.counts(report)
    lines += ["", f"{counts}; {unkept}" if unkept else counts]
    if kept := report.provenance.get("cache"):
        lines += page.wrap(f"from the cache: {one_line(str(kept))}", "", "  ")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _header(page: _Page, report: QualityReport) -> list[str]:
    parts = (
        shorten(one_line(report.suite.name), page.width // 2),
        words.golden(report),
        shorten(words.reference(report), page.width - 2),
    )
    if columns("  ".join(parts)) <= page.width:
        return ["  ".join(parts)]
    return ["  ".join(parts[:2]), f"  {parts[2]}"]


def _table(page: _Page, report: QualityReport) -> Iterator[str]:
    candidates = report.candidates
    rows = [_columns_of(variant) for variant in candidates]
    header = ["variant", "kind", "agree", "accuracy", _first(report), "max error"]
    kept = [i for i in range(6) if i < 2 or any(row[i] != MISSING for row in rows)]
    grid = [[row[i] for i in kept] for row in [header, *rows]]
    widths = _widths(page, grid)
    for variant, row in zip([None, *candidates], grid, strict=True):
        line = "  " + "  ".join(map(padded, row, widths))
        if variant is None:
            yield f"{line}  verdict"
        else:
            state = state_of(variant)
            yield f"{line}  {page.paint(WORDS[state], state)}"


def _first(report: QualityReport) -> str:
    """Name of the metric that a task without decisions is told by."""
    found = [v.task.metrics[0] for v in report.candidates if v.task and v.task.metrics]
    return tasks.metric_label(found[0].name) if found else MISSING


def _columns_of(variant: VariantResult) -> list[str]:
    labels = variant.labels
    return [
        one_line(variant.name),
        variant.kind,
        percent(labels.top1_agreement) if labels else MISSING,
        words.accuracy(labels) if labels else MISSING,
        tasks.headline(variant),
        scientific(words.max_error(variant)),
    ]


def _widths(page: _Page, grid: Sequence[Sequence[str]]) -> list[int]:
    widths = [max(map(columns, column)) for column in zip(*grid, strict=True)]
    others = 2 + sum(widths[1:]) + 2 * len(widths) + len("undecided")
    room = max(min(page.width - others, _MAX_NAME), _MIN_NAME)
    widths[0] = min(widths[0], room)
    return widths


def _variant(
    page: _Page, report: QualityReport, variant: VariantResult
) -> Iterator[str]:
    state = state_of(variant)
    name = shorten(one_line(variant.name), page.width // 2)
    title = page.paint(f"{WORDS[state]} {name}", state)
    plain = f"{WORDS[state]} {name}"
    failing = unmet(variant)
    yield from _waived(page, variant)
    findings = [f for f in report.findings if f.variant == variant.name]
    if variant.status not in ("ran", "replayed"):
        yield ""
        yield from _titled(page, plain, title, words.reason(variant))
        return
    if not failing:
        return
    yield ""
    lead = f"{_message(failing[0], findings)} [{one_line(failing[0].name)}]"
    yield from _titled(page, plain, title, lead)
    if failing[1:]:
        others = ", ".join(_also(check) for check in failing[1:])
        yield from page.wrap(f"also {others}", "  ", "    ")
    for finding in findings:
        yield from _finding(page, finding)
    yield from _inside(page, variant, findings)


def _inside(
    page: _Page, variant: VariantResult, findings: Sequence[Finding]
) -> Iterator[str]:
    """Where its error enters, and the ways of running it that part."""
    profile, matrix = variant.profile, variant.matrix
    proven = any(f.proof and words.standing(f.proof) == "proven" for f in findings)
    if profile and proven:
        # The cause has said the node already.
        yield from page.wrap(evidence_text.entry(profile), "  ", "    ")
    elif profile and (rows := evidence_text.profile_rows(profile, _MOST_STEPS)):
        yield from page.wrap(evidence_text.profile_title(profile), "  ", "    ")
        yield from page.table([evidence_text.PROFILE_HEADER, *rows])
    if matrix and any(c.parts or c.max_abs_error is None for c in matrix.cells):
        yield from page.wrap(evidence_text.matrix_title(matrix), "  ", "    ")
        rows = evidence_text.matrix_rows(matrix)
        yield from page.table([evidence_text.MATRIX_HEADER, *rows])


def _waived(page: _Page, variant: VariantResult) -> Iterator[str]:
    name = shorten(one_line(variant.name), page.width // 2)
    waived = waivers.waived(variant)
    if waived:
        yield ""
    for check, line in waived:
        yield from page.wrap(f"waived {name}: {line} [{one_line(check)}]", "", "  ")


def _failed(page: _Page, what: str) -> tuple[str, str]:
    """A title as it is measured, and as it is painted."""
    plain = f"{WORDS['failed']} {what}"
    return plain, page.paint(plain, "failed")


def _message(check: Check, findings: Sequence[Finding]) -> str:
    """What a check says, unless its findings, printed below, say the same."""
    if check.name == "operator_semantics" and findings:
        return f"{quantity(len(findings), 'cause')} of drift found"
    return one_line(check.message)


def _also(check: Check) -> str:
    """``FAILED accuracy (-87.5 points)``."""
    shown = brief(check)
    said = f" ({shown})" if shown else ""
    return f"{WORDS[check.status]} {one_line(check.name)}{said}"


def _titled(page: _Page, plain: str, title: str, text: str) -> list[str]:
    lines = page.wrap(f"{plain}: {text}", "", "  ")
    # The title holds a space that wrapping may have broken only in a tiny page.
    lines[0] = lines[0].replace(plain, title, 1)
    return lines


def _finding(page: _Page, finding: Finding) -> Iterator[str]:
    code = shorten(one_line(finding.code), _MAX_CODE)
    deep = " " * (len(code) + 3)
    yield from page.wrap(f"{code} {words.told(finding)}", "  ", deep)
    sides = words.sides(finding)
    if sides:
        yield from page.wrap(sides, deep, deep + "  ")
    if finding.proof:
        yield from page.wrap(words.proof(finding.proof), deep, deep + "  ")
    if finding.hint:
        yield from page.wrap(f"next: {one_line(finding.hint)}", "  ", "        ")
