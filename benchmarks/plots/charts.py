"""What each plot shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import EngFormatter

from benchmarks import cache
from benchmarks.plots.style import Chart
from benchmarks.scaling import FLAT_FROM, FLAT_MB
from benchmarks.tables import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from benchmarks.book import Book
    from benchmarks.plots.style import Theme
    from benchmarks.runs import Run


_COUNTS = EngFormatter(sep="")


def _overhead(panels: list[Axes], book: Book, theme: Theme) -> None:
    """Ratios to the bare loop, a line a case, with its aim."""
    (axes,) = panels
    ways = (
        ("pass", "passed", theme.others, "o"),
        ("gate in one process", "alone", theme.second, "s"),
        ("gate", "gated", theme.ours, "D"),
    )
    rows = book.gates
    places = range(len(rows))
    for name, field, colour, marker in ways:
        ratios = [getattr(row, field) for row in rows]
        _dots(axes, ratios, colour, 42, marker=marker, label=name, zorder=3)
    aims = [row.aim if row.is_aimed else math.nan for row in rows]
    _dots(axes, aims, theme.aim, 260, marker="|", label="aim of a gate", zorder=2)
    axes.axvline(1, color=theme.ink, linewidth=1, zorder=1)
    axes.set_yticks(places, [f"{row.case}\n{row.samples:,} samples" for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, max(2.0, 1.05 * max(row.gated for row in rows)))
    axes.set_xlabel("times the bare loop; less is better")
    axes.grid(axis="x")
    axes.tick_params(left=False)
    axes.figure.legend(loc="outside upper left", ncols=4, handletextpad=0.2)


def _peers(panels: list[Axes], book: Book, theme: Theme) -> None:
    """Seconds to the bare loop, a panel a case."""
    colours = {"harness": theme.ours}
    for axes, (bare, *others) in zip(panels, book.peers.cases().values(), strict=True):
        ratios = [row.seconds / bare.seconds for row in others]
        names = [row.tool for row in others]
        _bars(axes, names, ratios, [colours.get(n, theme.others) for n in names])
        axes.set_title(f"{bare.case}\n{bare.samples:,} samples")
    panels[1].set_xlabel("times the bare loop; less is better")
    for axes in panels[1:]:
        axes.set_yticklabels([])


def _workers(panels: list[Axes], book: Book, theme: Theme) -> None:
    """Seconds by who runs the parts, and how many times as fast that is."""
    (axes,) = panels
    figures = book.scaling
    shared = figures.shared
    colours = [theme.others, theme.ours, theme.ours]
    _bars(axes, [one.name for one in shared], [one.seconds for one in shared], colours)
    for place, one in enumerate(shared):
        if one.aim is not None:
            told = f"{figures.faster(one):.2f} x as fast, aim {one.aim} x"
            _note(axes, told, (one.seconds, place), (40, 0), va="center")
    axes.set_xlabel("seconds; less is better")


def _samples(panels: list[Axes], book: Book, theme: Theme) -> None:
    """Time a sample and peak memory, from 1,000 samples on."""
    runs = book.scaling.samples
    time, memory = panels
    each = [1e6 * run.seconds / run.n for run in runs]
    time.set(xscale="log", yscale="log", title="µs a sample", xlabel="samples")
    time.margins(0.12, 0.16)
    _line(time, runs, each, theme)
    memory.margins(x=0.12)
    memory.set(xscale="log", title="peak MB", xlabel="samples")
    peaks = [run.peak for run in runs]
    flat = next(run.peak for run in runs if run.n >= FLAT_FROM)
    memory.axhspan(flat - FLAT_MB, flat + FLAT_MB, color=theme.aim, alpha=0.14, lw=0)
    corner = runs[0].n, flat - FLAT_MB
    _note(memory, f"aim: ± {FLAT_MB} MB", corner, (0, 3), color=theme.aim)
    _line(memory, runs, peaks, theme)
    memory.set_ylim(0, 1.25 * max(*peaks, flat + FLAT_MB))


def _growth(panels: list[Axes], book: Book, theme: Theme) -> None:
    """Seconds against variants, and against classes."""
    variants, classes = panels
    figures = book.scaling
    _line(variants, figures.variants, [r.seconds for r in figures.variants], theme)
    counts = [run.n for run in figures.variants]
    variants.set_xticks(counts)
    variants.set(title="seconds", xlabel=f"variants, {figures.varied:,} samples")
    variants.set_xlim(0, 1.12 * counts[-1])
    variants.set_ylim(0, 1.2 * figures.variants[-1].seconds)
    classes.set(xscale="log", title="seconds")
    classes.margins(x=0.12)
    _line(classes, figures.classes, [r.seconds for r in figures.classes], theme)
    classes.set_xlabel(f"classes, {figures.classed:,} samples")
    classes.set_ylim(0, 1.2 * max(run.seconds for run in figures.classes))


def _cache(panels: list[Axes], book: Book, theme: Theme) -> None:
    """Processor seconds of every run."""
    (axes,) = panels
    rows = [row for row in book.cache.rows if row.what != cache.PYTHON]
    colours = [
        theme.others if row.what in {cache.BARE, cache.WITHOUT} else theme.ours
        for row in rows
    ]
    seconds = [row.processors for row in rows]
    _bars(axes, [row.what for row in rows], seconds, colours)
    axes.set_xlabel("processor seconds; less is better")


def _dots(
    axes: Axes, values: Sequence[float], colour: str, size: float, **looks: Any
) -> None:
    """A dot a row, from the first row down."""
    axes.scatter(values, range(len(values)), s=size, color=colour, **looks)


def _bars(
    axes: Axes, names: Sequence[str], values: Sequence[float], colours: Sequence[str]
) -> None:
    """Bars to the right, from the first name down, each with its value."""
    places = range(len(names))
    drawn = axes.barh(places, values, 0.62, color=colours)
    axes.bar_label(drawn, [short(value) for value in values], padding=4)
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.2 * max(values))
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(left=False, bottom=False, labelbottom=False)


def _line(
    axes: Axes, runs: Sequence[Run], values: Sequence[float], theme: Theme
) -> None:
    """A line through values, each told above its dot, on the side that is free."""
    axes.plot([run.n for run in runs], values, "o-", color=theme.ours, markersize=5)
    aside = 8 if values[-1] < values[0] else -8
    for run, value in zip(runs, values, strict=True):
        _note(axes, short(value), (run.n, value), (aside, 6), ha="center")
    axes.xaxis.set_major_formatter(_COUNTS)
    axes.yaxis.set_major_formatter(_COUNTS)
    axes.grid(axis="y")


def _note(
    axes: Axes,
    told: str,
    place: tuple[float, float],
    shift: tuple[float, float],
    **looks: Any,
) -> None:
    """Words so many points from a place."""
    axes.annotate(told, place, shift, textcoords="offset points", **looks)


CHARTS = {
    "overhead": Chart(_overhead, height=3.4),
    "peers": Chart(_peers, panels=3, height=1.9),
    "workers": Chart(_workers, height=1.6),
    "samples": Chart(_samples, panels=2, height=2.5),
    "growth": Chart(_growth, panels=2, height=2.5),
    "cache": Chart(_cache, height=2.3),
}
