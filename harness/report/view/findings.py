"""Findings as cards: the place, both semantics, the proof, the mending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report import words
from harness.report.charts.recall import share_bar
from harness.report.text import one_line, percent, shorten, slug
from harness.report.view.cells import name, sentence
from harness.report.view.page import Cell, FindingCard, Proven

if TYPE_CHECKING:
    from harness.core.results import Finding, Proof, VariantResult
    from harness.report.view.scope import Scope

_CODE_WIDTH = 24


def finding_cards(scope: Scope, variant: VariantResult) -> tuple[FindingCard, ...]:
    """The variant's findings, root causes first."""
    block = scope.block(variant, "finding")
    found = enumerate(scope.findings(variant), 1)
    return tuple(_card(finding, f"{block}-{k}") for k, finding in found)


def _card(finding: Finding, card_id: str) -> FindingCard:
    sides = (
        ("reference", finding.reference_semantics),
        ("candidate", finding.candidate_semantics),
    )
    return FindingCard(
        id=card_id,
        code=name(finding.code, _CODE_WIDTH),
        severity=finding.severity,
        cause=one_line(finding.cause),
        place=shorten(words.place(finding), 60),
        explanation=_explanation(finding),
        where=_where(finding),
        semantics=tuple((side, one_line(text)) for side, text in sides if text),
        proof=_proven(finding.proof) if finding.proof else None,
        hint=one_line(finding.hint or ""),
        manual=f"docs/drift/{_file_name(finding.code)}.md",
    )


def _explanation(finding: Finding) -> str:
    """What differs, without the place, which is the card's title already."""
    text = one_line(finding.explanation).removeprefix(words.place(finding))
    return sentence(text.lstrip(": "))


def _file_name(code: str) -> str:
    return shorten(slug(code).upper(), _CODE_WIDTH)


def _where(finding: Finding) -> tuple[tuple[str, Cell], ...]:
    where = finding.where
    places = (
        ("operator", where.op_type),
        ("candidate node", where.candidate_node),
        ("reference node", where.reference_node),
        ("tensor", where.tensor),
    )
    return tuple((what, name(text, 56, kind="code")) for what, text in places if text)


def _proven(proof: Proof) -> Proven:
    return Proven(
        edit=one_line(proof.edit),
        verdict=words.standing(proof),
        removed=words.removed(proof),
        errors=words.errors(proof),
        flips=words.flips(proof),
        svg=share_bar(proof.error_removed),
    )


def finding_summary(findings: tuple[Finding, ...]) -> str:
    """``PAD001 at Conv 'conv1', proven: ...`` of the first, for a card."""
    first = findings[0]
    if first.proof is None:
        return one_line(first.explanation)
    removed = percent(first.proof.error_removed)
    edit = one_line(first.proof.edit)
    return f"{words.place(first)}: {edit} removes {removed} of the error."
