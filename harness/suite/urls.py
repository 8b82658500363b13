"""URLs of endpoints in a suite file: what they may hold, and what they must not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from harness.suite.table import Table

# Schemes of two letters and more: C:// is a drive.
_DATA_URL = re.compile(r"[a-z][a-z0-9+.-]+(://|::)")
_LOCAL = ("file", "local")
SCHEMES = ("http", "https", "grpc", "grpcs")


def read_url(table: Table, key: str) -> str:
    """The URL of an endpoint, fit for a report that everybody reads.

    Raises:
        SuiteError: It has another scheme or no host, or it could hold a secret: a
            user, a query or a fragment. The message shows none of these.
    """
    text = table.text(key)
    shown = _without_secrets(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        table.refuse(key, shown, "a URL: http://host:port/...")
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0:
        allowed = f"a URL with a host, of scheme {', '.join(SCHEMES)}"
        table.refuse(key, shown, allowed)
    if "@" in text:
        allowed = "a URL without user and password; options.token_env names a variable"
        table.refuse(key, shown, allowed)
    if not (text.isascii() and text.isprintable()) or set(text) & set(" ?#"):
        table.refuse(key, shown, "a URL of plain characters without query or fragment")
    return text


def read_data_url(table: Table, key: str, *, anywhere: bool) -> str | None:
    """The URL of golden data; None where the value is a path.

    Args:
        table: Where it stands.
        key: Must be there.
        anywhere: Whether the suite may read files outside of its folder.

    Raises:
        SuiteError: It leads to files of this machine, which `anywhere` must allow, or
            holds a password.
    """
    text = table.text(key)
    if not _DATA_URL.match(text):
        return None
    shown = _without_secrets(text)
    # The last link of a chain is where the bytes lie: zip://set::file:///tmp/a.zip
    scheme, _, rest = text.rpartition("::")[2].partition("://")
    if not anywhere and (scheme in _LOCAL or not rest):
        allowed = "a path inside the suite's folder, or suite.allow_outside = true"
        table.refuse(key, shown, allowed)
    host = rest.partition("/")[0]
    if scheme != "github" and ":" in host.partition("@")[0] and "@" in host:
        table.refuse(key, shown, "a URL without a password")
    if not text.isprintable() or " " in text:
        table.refuse(key, shown, "a URL of plain characters")
    return text


def _without_secrets(text: str) -> str:
    for mark in "?#":
        head, found, _ = text.partition(mark)
        text = f"{head}{found}***" if found else text
    scheme, found, rest = text.partition("://")
    if "@" not in rest:
        return text if "@" not in scheme else "***"
    return f"{scheme}{found}***@{rest.rpartition('@')[2]}"
