"""One HTML file that needs nothing else: no network, no script for reading."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.report.view.build import build_page
from harness.report.view.page import Trusted

if TYPE_CHECKING:
    from harness.core.results import QualityReport


def render_html(report: QualityReport) -> str:
    """The whole report as one document; the same record gives the same bytes."""
    environment = _environment()
    style, script = _source("report.css"), _source("report.js")
    rendered: str = environment.get_template("report.html.j2").render(
        page=build_page(report),
        policy=_policy(style, script),
        style=Trusted(style),
        script=Trusted(script),
    )
    return rendered


def _policy(style: str, script: str) -> str:
    """A content security policy under which nothing is loaded, and only we run."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _source(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    source: str = environment.loader.get_source(environment, name)[0]
    return source
