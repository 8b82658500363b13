"""Reads ``waivers.toml``: failures that somebody answers for, for a while."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING

from harness.core.results import CHECK_NAMES
from harness.core.waivers import Waiver
from harness.suite.files import parse, read_text
from harness.suite.table import Table

if TYPE_CHECKING:
    from harness.core.specs import Suite

_DAY = "the last day on which it holds, such as 2030-12-31"
_HEADER = re.compile(r'\s*\[\[\s*(["\']?)waiver\1\s*\]\]')


def load_waivers(suite: Suite) -> tuple[Waiver, ...]:
    """The waivers of a suite, in the order of their file; none without a file.

    Raises:
        SuiteError: Names file, key, what was found and what is allowed.
    """
    if suite.waivers is None:
        return ()
    text = read_text(suite.waivers)
    root = Table(suite.waivers, "", parse(suite.waivers, text))
    root.allow(("waiver",))
    tables = root.tables("waiver")
    lines = [n for n, line in enumerate(text.split("\n"), 1) if _HEADER.match(line)]
    # An inline array of tables has no headers to count.
    places = lines if len(lines) == len(tables) else [1] * len(tables)
    names = {variant.name for variant in suite.candidates}
    return tuple(
        _waiver(table, names, line) for table, line in zip(tables, places, strict=True)
    )


def _waiver(table: Table, variants: set[str], line: int) -> Waiver:
    table.allow(("variant", "check", "part", "why", "who", "until"))
    variant, check = table.text("variant"), table.text("check")
    if variant not in variants:
        table.refuse("variant", variant, f"one of {', '.join(sorted(variants))}")
    if check not in CHECK_NAMES:
        table.refuse("check", check, f"one of {', '.join(CHECK_NAMES)}")
    return Waiver(
        variant=variant,
        check=check,
        part=table.optional_text("part"),
        why=_said(table, "why", "the reason, in words"),
        who=_said(table, "who", "who answers for it"),
        until=_day(table),
        line=line,
    )


def _said(table: Table, key: str, allowed: str) -> str:
    text = table.text(key).strip()
    if not text:
        table.refuse(key, text, allowed)
    return text


def _day(table: Table) -> str:
    """A TOML date, or the same as text."""
    if "until" not in table.names():
        table.missing("until", _DAY)
    value = table.value("until")
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        table.refuse("until", value, _DAY)
