"""How plots look, and how they become the same bytes every time."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from benchmarks.book import Book

_WIDTH = 7.6
# What lies on every system; the first one measures, it comes with the library.
_FONTS = ["DejaVu Sans", "Helvetica Neue", "Helvetica", "Arial", "sans-serif"]


@dataclass(frozen=True)
class Theme:
    """Colours on a page that is light or dark.

    Attributes:
        text: Of what is read first.
        ink: Of axes and their labels.
        grid: Of lines behind.
        ours: Of the harness as it runs by default.
        second: Of the harness in another way.
        others: Of what it is held to.
        aim: Of aims.
    """

    text: str
    ink: str
    grid: str
    ours: str
    second: str
    others: str
    aim: str


THEMES = {
    "light": Theme(
        *("#1f2328", "#59636e", "#d1d9e0", "#0969da", "#80ccff", "#818b98", "#bc4c00")
    ),
    "dark": Theme(
        *("#f0f6fc", "#9198a1", "#3d444d", "#4493f8", "#a5d6ff", "#656c76", "#f0883e")
    ),
}


@dataclass(frozen=True)
class Chart:
    """A plot: panels beside each other, and who draws into them.

    Attributes:
        draw: Given the panels, the figures and the colours.
        panels: How many.
        height: In inches, at 72 points each.
    """

    draw: Callable[[list[Axes], Book, Theme], None]
    panels: int = 1
    height: float = 2.4


def drawn(chart: Chart, book: Book, theme: Theme) -> bytes:
    """The plot as SVG."""
    with rc_context(_settings(theme)):
        layout = ConstrainedLayoutEngine(wspace=0.05)
        figure = Figure(figsize=(_WIDTH, chart.height), layout=layout)
        panels = figure.subplots(1, chart.panels, squeeze=False)[0]
        chart.draw(list(panels), book, theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    return _rounded(buffer.getvalue())


_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def _rounded(svg: bytes) -> bytes:
    """With coordinates of two decimals: last bits differ between machines."""
    text = re.sub(
        r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", svg.decode()
    )
    return text.encode()


def _settings(theme: Theme) -> dict[Any, Any]:
    return {
        "svg.hashsalt": "benchmarks",
        "svg.fonttype": "none",
        "font.sans-serif": _FONTS,
        "font.size": 9,
        "text.color": theme.text,
        "axes.edgecolor": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.labelsize": 9,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.titlecolor": theme.text,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "xtick.minor.size": 0,
        "ytick.minor.size": 0,
        "legend.frameon": False,
        "legend.labelcolor": theme.text,
    }
