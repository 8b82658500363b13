"""SARIF 2.1.0: checks that did not pass and findings, where code scanning shows them.

Static Analysis Results Interchange Format, OASIS standard; what GitHub, GitLab, Azure
and editors read. A result points at the line of the suite file that declares the
variant: that is what a person can edit.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from harness.report import checks, words
from harness.report.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import Check, Finding, QualityReport, VariantResult

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME = "https://github.com/model-quality-harness/model-quality-harness"
_LEVELS = {"failed": "error", "error": "error", "undecided": "warning"}
_SEVERITIES = {"error": "error", "warning": "warning", "info": "note"}
_NOT_RUN = "not_run"


def render_sarif(report: QualityReport) -> str:
    """One run of one tool; equal for equal reports."""
    results = list(_results(report))
    run = {
        "tool": {"driver": _driver(report, results)},
        "automationDetails": {"id": f"model-quality/{clean(report.suite.name)}/"},
        "columnKind": "unicodeCodePoints",
        "properties": {
            "verdict": report.verdict,
            "dataSha256": report.golden.digest,
            "samples": report.golden.n_samples,
        },
        "results": results,
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, allow_nan=False) + "\n"


def _driver(report: QualityReport, results: list[dict[str, Any]]) -> dict[str, Any]:
    used = sorted({result["ruleId"] for result in results})
    causes = {finding.code: finding for finding in report.findings}
    driver = {
        "name": "model-quality-harness",
        "informationUri": _HOME,
        "rules": [_rule(name, causes.get(name)) for name in used],
    }
    packages = report.provenance.get("packages")
    version = (
        packages.get("model-quality-harness") if isinstance(packages, dict) else None
    )
    return driver | ({"version": str(version)} if version else {})


def _rule(name: str, finding: Finding | None) -> dict[str, Any]:
    if finding is not None:
        page = f"{_HOME}/blob/main/docs/drift/{name}.md"
        text = f"Operator-semantics drift: {clean(finding.cause)}"
    else:
        page = f"{_HOME}/blob/main/docs/gate.md"
        text = f"Check of the gate: {checks.label(name)}"
    return {"id": name, "shortDescription": {"text": text}, "helpUri": page}


def _results(report: QualityReport) -> Iterator[dict[str, Any]]:
    for variant in report.candidates:
        if variant.status not in ("ran", "replayed"):
            level = "note" if variant.status == "skipped" else "error"
            text = f"{variant.name} was not run: {words.reason(variant)}"
            yield _result(report, variant, _NOT_RUN, level, text)
        for check in checks.unmet(variant):
            yield _of_check(report, variant, check)
    for finding in report.findings:
        yield _of_finding(report, finding)


def _of_check(
    report: QualityReport, variant: VariantResult, check: Check
) -> dict[str, Any]:
    text = f"{variant.name}: {check.message}"
    result = _result(report, variant, check.name, _LEVELS[check.status], text)
    numbers = {"observed": check.observed, "limit": check.limit}
    known = {key: value for key, value in numbers.items() if value is not None}
    return result | {"properties": {"status": check.status, **known}}


def _of_finding(report: QualityReport, finding: Finding) -> dict[str, Any]:
    variant = report.variant(finding.variant)
    text = f"{variant.name}: {words.told(finding)}"
    if sides := words.sides(finding):
        text += f" ({sides})"
    if finding.proof is not None:
        text += f". {words.proof(finding.proof)}"
    if finding.hint:
        text += f". Hint: {finding.hint}"
    level = _SEVERITIES[finding.severity]
    result = _result(report, variant, finding.code, level, text, words.place(finding))
    properties: dict[str, Any] = {"cause": finding.cause}
    if finding.proof is not None:
        properties["errorRemoved"] = finding.proof.error_removed
    return result | {"properties": properties}


def _result(
    report: QualityReport,
    variant: VariantResult,
    rule: str,
    level: str,
    text: str,
    node: str = "",
) -> dict[str, Any]:
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(words.suite_file(report))},
            "region": {"startLine": max(1, variant.line)},
        }
    }
    if node:
        names = [clean(variant.name), clean(node)]
        place["logicalLocations"] = [
            {"name": names[1], "fullyQualifiedName": "/".join(names)}
        ]
    # The same trouble is the same alert from run to run, whatever its numbers.
    told = "\0".join((report.suite.name, variant.name, rule, node))
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": clean(text)},
        "locations": [place],
        "partialFingerprints": {
            "check/v1": hashlib.sha256(told.encode()).hexdigest()[:32]
        },
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path.replace("\\", "/"))
