"""Tables in Markdown, and numbers as they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a column whose title begins with ``<`` holds words, others numbers."""
    titles = [column.removeprefix("<") for column in columns]
    rules = ["---" if column.startswith("<") else "--:" for column in columns]
    lines = [_line(titles), f"|{'|'.join(rules)}|"]
    return "\n".join([*lines, *map(_line, rows)])


def _line(cells: Iterable[str]) -> str:
    shown = (f" {cell} " if cell else " " for cell in cells)
    return f"|{'|'.join(shown)}|"


def short(value: float) -> str:
    """A figure with no more digits than were measured: 0.36, 7.5, 44.7, 1,204."""
    if value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}"


def count(value: int) -> str:
    return f"{value:,}"


def held(value: float, most: float) -> str:
    """A ratio; bold where it is beyond its aim."""
    return marked(f"{value:.2f}", value <= most)


def reached(value: float, least: float) -> str:
    """A ratio that should be large; bold where it falls short of its aim."""
    return marked(f"{value:.2f}", value >= least)


def marked(shown: str, met: bool) -> str:
    """Bold where an aim is not met."""
    return shown if met else f"**{shown}**"
