"""One HTML file that needs nothing else: no network, no script for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.document import environment, policy, source
from harness.report.view.build import build_page
from harness.report.view.page import Trusted

if TYPE_CHECKING:
    from harness.core.results import QualityReport


def render_html(report: QualityReport) -> str:
    """The whole report as one document; the same record gives the same bytes."""
    style, script = source("report.css"), source("report.js")
    rendered: str = (
        environment()
        .get_template("report.html.j2")
        .render(
            page=build_page(report),
            policy=policy(style, script),
            style=Trusted(style),
            script=Trusted(script),
        )
    )
    return rendered
