"""JUnit XML: one test case a variant and check, as CI servers show them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.report import waivers
from harness.report.states import headline, state_of
from harness.report.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import Check, Finding, QualityReport, VariantResult

Outcome: TypeAlias = Literal["passed", "failure", "error", "skipped"]

_OUTCOMES: dict[str, Outcome] = {
    "passed": "passed",
    "failed": "failure",
    "undecided": "skipped",
    "error": "error",
}
# XML 1.0 has no way to write the other characters, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class _Case:
    variant: str
    name: str
    outcome: Outcome
    type: str = ""
    message: str = ""
    details: str = ""
    properties: tuple[tuple[str, object], ...] = ()


def render_junit(report: QualityReport) -> str:
    """One test suite; skipped stands for not run, not asked, and undecided.

    Values that could not be computed have no property.
    """
    cases = [case for variant in report.candidates for case in _cases(report, variant)]
    cases += _waivers(report)
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name=_xml(report.suite.name))
    for key, outcomes in _totals(cases).items():
        suite.set(key, str(outcomes))
    _add_properties(suite, _suite_properties(report))
    for case in cases:
        _add_case(suite, report.suite.name, case)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _totals(cases: list[_Case]) -> dict[str, int]:
    outcomes = [case.outcome for case in cases]
    return {
        "tests": len(cases),
        "failures": outcomes.count("failure"),
        "errors": outcomes.count("error"),
        "skipped": outcomes.count("skipped"),
    }


def _suite_properties(report: QualityReport) -> tuple[tuple[str, object], ...]:
    return (
        ("verdict", report.verdict),
        ("headline", str(headline(report))),
        ("suite_file", report.suite.path),
        ("reference", report.suite.reference),
        ("n_samples", report.golden.n_samples),
        ("data_sha256", report.golden.digest),
        ("preprocess_sha256", report.golden.preprocess_digest),
        ("git_commit", report.provenance.get("git_commit")),
    )


def _cases(report: QualityReport, variant: VariantResult) -> Iterator[_Case]:
    state = state_of(variant)
    if state == "not-run" or (state == "error" and variant.status != "ran"):
        outcome: Outcome = "skipped" if state == "not-run" else "error"
        reason = variant.reason or variant.status
        facts = _model_properties(variant)
        yield _Case(variant.name, "run", outcome, variant.status, reason, "", facts)
    for check in variant.checks:
        yield _checked(report, variant, check)
    for name, reason in variant.skipped_checks.items():
        yield _Case(variant.name, name, "skipped", "not asked", reason)


def _waivers(report: QualityReport) -> Iterator[_Case]:
    """One case a waiver: those that fail the run are failures."""
    stale = waivers.stale(report)
    for use in report.waivers:
        waiver, state = use.waiver, use.state
        properties = (("who", waiver.who), ("until", waiver.until), ("why", waiver.why))
        outcome: Outcome = "failure" if use in stale else "passed"
        outcome = "skipped" if state == "not judged" else outcome
        message = waivers.told(use) if use in stale else state
        name = waivers.what(waiver)
        yield _Case("waivers", name, outcome, state, message, "", properties)


def _checked(report: QualityReport, variant: VariantResult, check: Check) -> _Case:
    outcome = _OUTCOMES[check.status]
    found = [f for f in report.findings if f.variant == variant.name]
    details = "\n".join(_finding(f) for f in found) if outcome == "failure" else ""
    properties = (
        ("observed", check.observed),
        ("limit", check.limit),
        ("waived", "; ".join(check.waived) or None),
        *_model_properties(variant),
    )
    return _Case(
        variant.name,
        check.name,
        outcome,
        check.status,
        check.message,
        details,
        properties,
    )


def _model_properties(variant: VariantResult) -> tuple[tuple[str, object], ...]:
    return (
        ("kind", variant.kind),
        ("path", variant.path),
        ("sha256", variant.sha256),
        ("backend", variant.backend),
        ("batch_size", variant.batch_size),
        ("seconds_per_sample", variant.seconds_per_sample),
    )


def _finding(finding: Finding) -> str:
    node = finding.where.candidate_node or finding.where.tensor or "?"
    text = f"{finding.code} ({finding.cause}) at {node!r}: {finding.explanation}"
    if finding.proof:
        removed = f"{100 * finding.proof.error_removed:.1f} %"
        text += f" {finding.proof.edit} removes {removed} of the error."
    return f"{text} {finding.hint}" if finding.hint else text


def _add_case(suite: ET.Element, name: str, case: _Case) -> None:
    classname = _xml(f"{name}.{case.variant}")
    element = ET.SubElement(
        suite, "testcase", classname=classname, name=_xml(case.name), time="0"
    )
    _add_properties(element, case.properties)
    if case.outcome == "passed":
        return
    result = ET.SubElement(element, case.outcome, type=_xml(case.type))
    result.set("message", _xml(case.message))
    if case.details:
        result.text = _xml(case.details)


def _add_properties(
    element: ET.Element, properties: tuple[tuple[str, object], ...]
) -> None:
    known = [(name, value) for name, value in properties if value is not None]
    if not known:
        return
    parent = ET.SubElement(element, "properties")
    for name, value in known:
        ET.SubElement(parent, "property", name=name, value=_xml(str(value)))


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", clean(text))
