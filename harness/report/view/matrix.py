"""Variants x checks, and the checks of one variant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.results import CHECK_NAMES
from harness.report import checks, waivers, words
from harness.report.states import state_of
from harness.report.text import MISSING, one_line, quantity
from harness.report.view.cells import (
    badge,
    check_badge,
    name,
    num,
    sentence,
    typeset,
    variant_badge,
)
from harness.report.view.page import Badge, Cell, Column, Row, Table

if TYPE_CHECKING:
    from harness.core.results import Check, VariantResult, Verdict
    from harness.report.view.scope import Scope

_GROUPS: tuple[tuple[Verdict, str], ...] = (
    ("failed", "failed"),
    ("error", "could not be answered"),
    ("undecided", "undecided"),
    ("passed", "passed"),
)
NOT_ASKED = Badge("not asked", "\u2013", "not-asked")


def matrix(scope: Scope) -> Table:
    """Every candidate's answer to every check, each a link to its evidence."""
    names = _check_names(scope)
    labels = [Column(checks.label(n), "check", hint=one_line(n)) for n in names]
    candidates = scope.report.candidates
    return Table(
        id="matrix",
        kind="matrix",
        caption="Variants and checks",
        columns=(Column("variant"), Column("verdict"), *labels),
        rows=tuple(_row(scope, variant, names) for variant in candidates),
        more="" if candidates else "The suite names no candidate.",
    )


def _check_names(scope: Scope) -> list[str]:
    found: set[str] = set()
    for variant in scope.report.candidates:
        found.update(check.name for check in variant.checks)
        found.update(variant.skipped_checks)
    others = sorted(found.difference(CHECK_NAMES))
    return [*(n for n in CHECK_NAMES if n in found), *others]


def _row(scope: Scope, variant: VariantResult, names: list[str]) -> Row:
    href = f"#{scope.ids[variant.name]}"
    found = {check.name: check for check in variant.checks}
    ids = scope.check_ids(variant)
    cells = [
        replace(name(variant.name, 28, href=href), note=variant.kind),
        Cell(badge=variant_badge(scope.report, variant), href=href),
    ]
    for check_name in names:
        if check_name in found:
            cells.append(_answer(found[check_name], f"#{ids[check_name]}"))
        elif check_name in ids:
            cells.append(
                Cell(badge=NOT_ASKED, href=f"#{ids[check_name]}", kind="quiet")
            )
        else:
            cells.append(_absent(variant, href))
    return Row(tuple(cells))


def _answer(check: Check, href: str) -> Cell:
    note = typeset(checks.brief(check))
    kind = _kind(check)
    return Cell(badge=check_badge(check), note=note, href=href, kind=kind)


def _kind(check: Check) -> str:
    return waivers.WAIVED if check.waived else check.status


def _absent(variant: VariantResult, href: str) -> Cell:
    state = state_of(variant)
    if state == "not-run" or not variant.checks:
        return Cell(badge=badge(state), href=href, kind="quiet")
    return Cell(badge=NOT_ASKED, kind="quiet")


def check_table(scope: Scope, variant: VariantResult) -> Table | None:
    """One variant's checks, what is unmet first; None where none was asked."""
    if not variant.checks and not variant.skipped_checks:
        return None
    ids = scope.check_ids(variant)
    unmet = checks.unmet(variant)
    ordered = [*unmet, *(c for c in variant.checks if c not in unmet)]
    rows = [
        _check_row(scope, variant, check, ids.pop(check.name, "")) for check in ordered
    ]
    rows += [
        Row(_skipped_cells(name_, reason), id=ids.pop(name_, ""), kind="quiet")
        for name_, reason in variant.skipped_checks.items()
    ]
    return Table(
        caption="Checks",
        kind="checks",
        columns=(
            Column("check"),
            Column("answer"),
            Column("observed", "num"),
            Column("limit", "num"),
            Column("what it says", "wide"),
            Column("evidence"),
        ),
        rows=tuple(rows),
    )


def _check_row(scope: Scope, variant: VariantResult, check: Check, row_id: str) -> Row:
    href = scope.evidence(variant, check.name)
    cells = (
        name(check.name, kind="code", href=f"#{row_id}" if row_id else ""),
        Cell(badge=check_badge(check)),
        num(checks.observed(check)),
        num(checks.limit(check)),
        Cell(_said(check), kind="wide"),
        Cell(checks.evidence(check.name) if href else "", href=href),
    )
    return Row(cells, id=row_id, kind=_kind(check))


def _said(check: Check) -> str:
    """What a check says, and who waives it."""
    told = [sentence(check.message)]
    told += [f"Waived: {sentence(line)}" for line in check.waived]
    return " ".join(told)


def _skipped_cells(check_name: str, reason: str) -> tuple[Cell, ...]:
    dash = num(MISSING)
    said = Cell(sentence(reason), kind="wide")
    return (
        name(check_name, kind="code"),
        Cell(badge=NOT_ASKED),
        dash,
        dash,
        said,
        Cell(),
    )


def lead(variant: VariantResult) -> str:
    """The variant in one sentence: what is unmet, or why it was not run."""
    if variant.status not in ("ran", "replayed"):
        return words.reason(variant)
    unmet = checks.unmet(variant)
    if not unmet:
        return answers(variant)
    return f"{answers(variant)} {sentence(unmet[0].message)}"


def by_answer(variant: VariantResult) -> str:
    """``failed: accuracy; passed: finite outputs``: the checks by their answers."""
    groups = [
        (word, [checks.label(c.name) for c in variant.checks if c.status == status])
        for status, word in _GROUPS
    ]
    groups.append(("not asked", [checks.label(n) for n in variant.skipped_checks]))
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in groups if names)


def answers(variant: VariantResult) -> str:
    """How many checks did not pass: ``4 of 6 checks failed, 1 undecided.``."""
    total = quantity(len(variant.checks), "check")
    if not variant.checks:
        return "No check was asked."
    found = [check.status for check in variant.checks]
    counts = [(found.count(status), word) for status, word in _GROUPS[:-1]]
    parts = [f"{n} {word}" for n, word in counts if n]
    waived = sum(bool(check.waived) for check in variant.checks)
    but = f", {waived} of them by a waiver" if waived else ""
    if not parts:
        every = f"All {total}" if len(found) > 1 else "The only check"
        return f"{every} passed{but}."
    n, _, rest = ", ".join(parts).partition(" ")
    return f"{n} of {total} {rest}."
