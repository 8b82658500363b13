"""One HTML file that needs nothing else: no network, no script for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.document import environment, policy, source
from harness.report.view.build import build_page
from harness.report.view.data import page_data
from harness.report.view.page import Trusted

if TYPE_CHECKING:
    from harness.core.results import QualityReport

_STYLES = ("report.css", "samples.css")
# Each uses what stands before it; the last one starts.
_SCRIPTS = ("cells.js", "tables.js", "samples.js", "maps.js", "report.js")


def render_html(report: QualityReport) -> str:
    """The whole report as one document; the same record gives the same bytes."""
    style, script = "\n".join(map(source, _STYLES)), "\n".join(map(source, _SCRIPTS))
    page = build_page(report)
    rendered: str = (
        environment()
        .get_template("report.html.j2")
        .render(
            page=page,
            data=page_data(page),
            policy=policy(style, script),
            style=Trusted(style),
            script=Trusted(script),
        )
    )
    return rendered
