"""An in-toto statement of the verdict, unsigned: ready for cosign or another signer.

Statement v1 with the predicate "test result" v0.1 of the in-toto attestation framework.
Subjects are what was judged, by digest: each candidate's model, and the golden data.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.report import words

if TYPE_CHECKING:
    from harness.core.results import QualityReport

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
_RESULTS = {"passed": "PASSED", "undecided": "WARNED"}
_LISTS = {"passed": "passedTests", "undecided": "warnedTests"}


def render_attestation(report: QualityReport) -> str:
    """The statement as JSON; a test is named ``variant::check``."""
    tests: dict[str, list[str]] = {
        "passedTests": [],
        "warnedTests": [],
        "failedTests": [],
    }
    for variant in report.candidates:
        for check in variant.checks:
            kind = _LISTS.get(check.status, "failedTests")
            tests[kind].append(f"{variant.name}::{check.name}")
    statement = {
        "_type": STATEMENT,
        "subject": _subjects(report),
        "predicateType": PREDICATE,
        "predicate": {
            "result": _RESULTS.get(report.verdict, "FAILED"),
            "configuration": _configuration(report),
            **tests,
        },
    }
    return json.dumps(statement, indent=2) + "\n"


def _subjects(report: QualityReport) -> list[dict[str, Any]]:
    """Every candidate that was judged, and the data; each digest once."""
    found = {
        variant.sha256: variant.path
        for variant in reversed(report.candidates)
        if variant.sha256 and variant.checks
    }
    subjects = [_descriptor(path, digest) for digest, path in found.items()]
    subjects.reverse()
    return [*subjects, _descriptor("golden data", report.golden.digest)]


def _configuration(report: QualityReport) -> list[dict[str, Any]]:
    reference = report.reference
    configuration: list[dict[str, Any]] = [
        {"name": words.suite_file(report)},
        _descriptor("preprocessing", report.golden.preprocess_digest),
    ]
    if reference.sha256:
        configuration.append(
            _descriptor(f"reference {reference.path}", reference.sha256)
        )
    return configuration


def _descriptor(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}}
