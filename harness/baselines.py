"""The report of the release that was accepted last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import ReportError
from harness.report.json_ import read_report

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.results import QualityReport


def read_baseline(path: Path, suite: str) -> QualityReport:
    """The accepted report of a suite.

    Args:
        path: A saved report; or a folder of them, as ``--quality-report`` writes it.
        suite: Name of the suite.

    Raises:
        ReportError: There is none of that suite, or it cannot be read.
    """
    if not path.is_dir():
        return read_report(path)
    for file in sorted(path.glob("*.json")):
        if (report := read_report(file)).suite.name == suite:
            return report
    raise ReportError(
        f"{path} holds no report of the suite {suite!r}",
        hint="save one of the accepted release there: harness run ... --json FILE",
    )
