"""Plots of the kept figures: SVG, one file a theme, the same bytes every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.plots.charts import CHARTS
from benchmarks.plots.style import THEMES, drawn

if TYPE_CHECKING:
    from benchmarks.book import Book


def plots(book: Book) -> dict[str, bytes]:
    """Name of a file -> its SVG."""
    return {
        f"{name}-{theme}.svg": drawn(chart, book, colours)
        for name, chart in CHARTS.items()
        for theme, colours in THEMES.items()
    }
