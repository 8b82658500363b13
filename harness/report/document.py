"""What HTML pages share: templates that escape, styles, and a policy to run under."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


def policy(style: str, script: str = "") -> str:
    """A content security policy under which nothing is loaded, and only we run."""
    scripts = f"script-src '{_hash(script)}'; " if script else ""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; "
        f"{scripts}img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def environment() -> Environment:
    """Templates of this package; what they are given is escaped."""
    return Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def source(name: str) -> str:
    """The text of a style or script, as it lies among the templates."""
    templates = environment()
    assert templates.loader is not None
    text: str = templates.loader.get_source(templates, name)[0]
    return text


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
