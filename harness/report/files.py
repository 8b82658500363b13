"""Reports as files: each format by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import ReportError
from harness.core.files import write_text
from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import Renderer
    from harness.core.results import QualityReport

# jinja2 is imported by the one format that needs it, when that is asked for.
RENDERERS: Registry[Renderer] = Registry(
    "report format",
    {
        name: LazyEntry(f"harness.report.{module}:render_{name}")
        for name, module in (
            ("annotations", "annotations"),
            ("attestation", "attestation"),
            ("codequality", "code_quality"),
            ("html", "html"),
            ("json", "json_"),
            ("junit", "junit"),
            ("markdown", "markdown"),
            ("sarif", "sarif"),
        )
    },
)


def write_report(report: QualityReport, format_: str, path: Path) -> None:
    """Render a record in one of `RENDERERS`, and write it whole.

    Raises:
        ReportError: No such format, or the file cannot be written.
    """
    if format_ not in RENDERERS:
        raise ReportError(
            f"no report format {format_!r}", hint=f"use one of {', '.join(RENDERERS)}"
        )
    write_text(path, RENDERERS.get(format_)(report))
