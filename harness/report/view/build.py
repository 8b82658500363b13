"""The page as a whole: verdict, matrix, worst facts, evidence, conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report import words
from harness.report.states import headline
from harness.report.text import one_line, shorten
from harness.report.view.cells import badge, name
from harness.report.view.conditions import conditions, provenance_line
from harness.report.view.facts import worst_facts
from harness.report.view.matrix import matrix
from harness.report.view.page import Link, Page
from harness.report.view.scope import Scope
from harness.report.view.variant import reference_section, variant_section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.core.results import QualityReport
    from harness.report.view.page import VariantSection


def build_page(report: QualityReport) -> Page:
    """What the templates are handed."""
    scope = Scope.of(report)
    verdict = headline(report)
    facts_title, facts = worst_facts(scope)
    suite = shorten(one_line(report.suite.name), 60)
    judged = (variant_section(scope, variant) for variant in report.candidates)
    variants = (*judged, *reference_section(scope))
    return Page(
        title=f"{verdict.lead}: {suite}",
        suite=name(report.suite.name, 60),
        context=_context(report),
        badge=badge(verdict.state),
        lead=verdict.lead,
        counts=verdict.counts,
        provenance=provenance_line(report),
        matrix=matrix(scope),
        facts_title=facts_title,
        facts=facts,
        variants=variants,
        conditions=conditions(scope),
        outline=_outline(scope, variants),
        samples=report.samples,
    )


def _context(report: QualityReport) -> str:
    parts = (report.suite.task, words.golden(report), words.reference(report))
    return " \u00b7 ".join(shorten(part, 90) for part in parts)


def _outline(scope: Scope, sections: Iterable[VariantSection]) -> tuple[Link, ...]:
    names = {id_: variant for variant, id_ in scope.ids.items()}
    return tuple(
        Link(f"#{section.id}", name(names[section.id], 22), section.badge)
        for section in sections
    )
