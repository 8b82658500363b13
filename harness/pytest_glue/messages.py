"""What a failing item prints: the check, its causes, and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import HarnessError
from harness.report import words
from harness.report.text import one_line, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import Check, Finding, Proof, QualityReport, VariantResult

_WIDTH = 80
_MOST = 3


def regression_text(report: QualityReport, variant: VariantResult, check: Check) -> str:
    """A few lines within 80 columns: the check's message, then its causes.

    Args:
        report: Holds the findings.
        variant: The variant that failed.
        check: The check that it failed.
    """
    findings = [f for f in report.findings if f.variant == variant.name]
    lines = [*_wrapped(check.message, "", ""), ""]
    for finding in findings[:_MOST]:
        lines += _finding(finding)
    if len(findings) > _MOST:
        lines.append(f"  {len(findings) - _MOST} more in the report")
    if not any(finding.hint for finding in findings):
        lines += _wrapped(_next_step(variant), "  ", "        ")
    return "\n".join(lines)


def in_one_line(error: BaseException) -> str:
    """What failed, for summaries: an error's message, a regression's first part."""
    told = error.message if isinstance(error, HarnessError) else str(error)
    return one_line(told.partition("\n\n")[0])


def _finding(finding: Finding) -> Iterator[str]:
    yield from _wrapped(f"{finding.code} {_explanation(finding)}", "  ", "    ")
    for side, semantics in (
        ("reference", finding.reference_semantics),
        ("candidate", finding.candidate_semantics),
    ):
        if semantics:
            yield from _wrapped(f"{side}: {semantics}", "    ", "      ")
    if finding.proof:
        yield from _wrapped(_proof(finding.proof), "    ", "      ")
    if finding.hint:
        yield from _wrapped(f"next: {finding.hint}", "  ", "        ")


def _explanation(finding: Finding) -> str:
    """What differs and where, the place said once."""
    place = words.place(finding)
    told = finding.explanation
    return told if place in told else f"{place}: {told}"


def _proof(proof: Proof) -> str:
    return f"{words.standing(proof)}: {proof.edit}; this {words.removed(proof)}"


def _next_step(variant: VariantResult) -> str:
    return f"next: the report at the end of this run shows {variant.name} in full"


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return wrap(one_line(text), _WIDTH, first, rest)
