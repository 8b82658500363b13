"""JUnit XML: a test suite a variant and a test case a check, as CI servers show them.

Valid by the strictest schema in use, junit-10.xsd of Jenkins' xUnit plugin: properties
stand at a suite, which knows the model; what a check measured is in its output.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.report import waivers, words
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


Facts: TypeAlias = "tuple[tuple[str, object], ...]"


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    outcome: Outcome
    type: str = ""
    message: str = ""
    details: str = ""
    facts: Facts = ()


def render_junit(report: QualityReport) -> str:
    """One test suite a variant; skipped stands for not run, not asked, and undecided.

    Values that could not be computed are left out.
    """
    root = ET.Element("testsuites", name=_xml(report.suite.name))
    every: list[_Case] = []
    for variant in report.candidates:
        facts = (*_run_facts(report), *_model_facts(variant))
        cases = list(_cases(report, variant))
        _add_suite(root, f"{report.suite.name}.{variant.name}", facts, cases)
        every += cases
    if cases := _waivers(report):
        name = f"{report.suite.name}.waivers"
        _add_suite(root, name, _run_facts(report), cases)
        every += cases
    for key, outcomes in _totals(every).items():
        # The schema knows no "skipped" of all suites.
        if key != "skipped":
            root.set(key, outcomes)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _add_suite(root: ET.Element, name: str, facts: Facts, cases: list[_Case]) -> None:
    suite = ET.SubElement(root, "testsuite", {"name": _xml(name), **_totals(cases)})
    parent = ET.SubElement(suite, "properties")
    for key, value in _known(facts):
        ET.SubElement(parent, "property", name=key, value=value)
    for case in cases:
        _add_case(suite, _xml(name), case)


def _totals(cases: list[_Case]) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
    }


def _run_facts(report: QualityReport) -> Facts:
    return (
        ("verdict", report.verdict),
        ("headline", str(headline(report))),
        ("suite_file", words.suite_file(report)),
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
        yield _Case("run", outcome, variant.status, reason)
    for check in variant.checks:
        yield _checked(report, variant, check)
    for name, reason in variant.skipped_checks.items():
        yield _Case(name, "skipped", "not asked", reason)


def _waivers(report: QualityReport) -> list[_Case]:
    """One case a waiver: those that fail the run are failures."""
    stale = waivers.stale(report)
    cases = []
    for use in report.waivers:
        waiver, state = use.waiver, use.state
        facts = (("who", waiver.who), ("until", waiver.until), ("why", waiver.why))
        outcome: Outcome = "failure" if use in stale else "passed"
        outcome = "skipped" if state == "not judged" else outcome
        message = waivers.told(use) if use in stale else state
        name = waivers.what(waiver)
        cases.append(_Case(name, outcome, state, message, "", facts))
    return cases


def _checked(report: QualityReport, variant: VariantResult, check: Check) -> _Case:
    outcome = _OUTCOMES[check.status]
    found = [f for f in report.findings if f.variant == variant.name]
    details = "\n".join(_finding(f) for f in found) if outcome == "failure" else ""
    facts = (
        ("observed", check.observed),
        ("limit", check.limit),
        ("waived", "; ".join(check.waived) or None),
    )
    return _Case(check.name, outcome, check.status, check.message, details, facts)


def _model_facts(variant: VariantResult) -> Facts:
    return (
        ("kind", variant.kind),
        ("path", variant.path),
        ("sha256", variant.sha256),
        ("backend", variant.backend),
        ("batch_size", variant.batch_size),
        ("seconds_per_sample", variant.seconds_per_sample),
    )


def _finding(finding: Finding) -> str:
    text = f"{finding.code} ({finding.cause}) {words.told(finding)}"
    if finding.proof:
        text += f". {words.proof(finding.proof)}"
    return f"{text}. Next: {finding.hint}" if finding.hint else text


def _add_case(suite: ET.Element, classname: str, case: _Case) -> None:
    names = {"classname": classname, "name": _xml(case.name), "time": "0"}
    element = ET.SubElement(suite, "testcase", names)
    if case.outcome != "passed":
        told = {"type": _xml(case.type), "message": _xml(case.message)}
        result = ET.SubElement(element, case.outcome, told)
        result.text = _xml(case.details) or None
    if facts := _known(case.facts):
        output = ET.SubElement(element, "system-out")
        output.text = "\n".join(f"{name}: {value}" for name, value in facts)


def _known(facts: Facts) -> list[tuple[str, str]]:
    return [(name, _xml(str(value))) for name, value in facts if value is not None]


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", clean(text))
