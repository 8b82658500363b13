"""GitLab's code-quality report: what its merge requests show beside the diff."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from harness.report import checks, words
from harness.report.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import QualityReport

_SEVERITIES = {"failed": "critical", "error": "critical", "undecided": "minor"}
_CAUSES = {"error": "critical", "warning": "major", "info": "info"}


def render_codequality(report: QualityReport) -> str:
    """A list of issues; empty where all passed."""
    issues = [_issue(report, *told) for told in _told(report)]
    return json.dumps(issues, indent=2) + "\n"


def _told(report: QualityReport) -> Iterator[tuple[str, str, str, str]]:
    """Variant, check or code, severity, and what happened."""
    for variant in report.candidates:
        if variant.status not in ("ran", "replayed", "skipped"):
            text = f"could not be run: {words.reason(variant)}"
            yield variant.name, "not_run", "critical", text
        for check in checks.unmet(variant):
            yield variant.name, check.name, _SEVERITIES[check.status], check.message
    for finding in report.findings:
        severity = _CAUSES[finding.severity]
        yield finding.variant, finding.code, severity, words.told(finding)


def _issue(
    report: QualityReport, variant: str, name: str, severity: str, text: str
) -> dict[str, object]:
    told = "\0".join((report.suite.name, variant, name, text))
    line = max(1, report.variant(variant).line)
    return {
        "description": clean(f"{variant}: {text}"),
        "check_name": name,
        "fingerprint": hashlib.sha256(told.encode()).hexdigest()[:40],
        "severity": severity,
        "location": {"path": words.suite_file(report), "lines": {"begin": line}},
    }
