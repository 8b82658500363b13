"""GitHub's workflow commands: annotations beside the lines of the suite file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report import checks, words
from harness.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import QualityReport

_COMMANDS = {"failed": "error", "error": "error", "undecided": "warning"}
_CAUSES = {"error": "error", "warning": "warning", "info": "notice"}
# GitHub shows ten of a kind a step; what comes after is only in the log.
_MOST = 10


def render_annotations(report: QualityReport) -> str:
    """One command a line, the gravest first; empty where all passed.

    The format is that of `@actions/core`: a command's data and properties are escaped
    by percent signs, so that no text of a model can end a command or begin another.
    """
    told = sorted(_told(report), key=lambda item: list(_ORDER).index(item[0]))
    kept: list[str] = []
    for kind in _ORDER:
        kept += [text for found, text in told if found == kind][:_MOST]
    return "".join(f"{line}\n" for line in kept)


_ORDER = ("error", "warning", "notice")


def _told(report: QualityReport) -> Iterator[tuple[str, str]]:
    for finding in report.findings:
        kind = _CAUSES[finding.severity]
        title = f"{finding.variant}: {finding.code} {finding.cause}"
        yield kind, _command(report, kind, finding.variant, title, words.told(finding))
    for variant in report.candidates:
        if variant.status not in ("ran", "replayed", "skipped"):
            title = f"{variant.name}: not run"
            reason = words.reason(variant)
            yield "error", _command(report, "error", variant.name, title, reason)
        for check in checks.unmet(variant):
            kind = _COMMANDS[check.status]
            title = f"{variant.name}: {checks.label(check.name)} {check.status}"
            yield kind, _command(report, kind, variant.name, title, check.message)


def _command(
    report: QualityReport, kind: str, variant: str, title: str, text: str
) -> str:
    line = max(1, report.variant(variant).line)
    properties = {"file": words.suite_file(report), "line": str(line), "title": title}
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{kind} {said}::{_data(text)}"


def _data(text: str) -> str:
    return one_line(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
