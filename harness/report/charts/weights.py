"""A weight tensor in pictures, candidate over reference: values, powers, channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.charts.svg import Canvas, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.core.results import ChannelRanges, Histogram, TensorStatistics
    from harness.report.view.page import Svg

    Point = tuple[float, float]
    Drawing = Callable[[Canvas, "Panel"], None]

_WIDTH = 272.0
_LEFT, _RIGHT = 1.0, 271.0
_TITLE, _DRAWN, _TICKS, _GAP = 15.0, 58.0, 14.0, 12.0
# Smaller magnitudes than the largest by more than this are drawn as one.
_MAX_OCTAVES = 36
_FP16_NORMAL = -14
"""log2 of float16's smallest normal number."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A band of the drawing, and the values that it spans across."""

    top: float
    low: float = 0.0
    high: float = 1.0

    @property
    def bottom(self) -> float:
        """Where the axis lies."""
        return self.top + _DRAWN

    def x(self, value: float) -> float:
        """The pixel from the left of a value."""
        wide = self.high - self.low
        share = (value - self.low) / wide if wide > 0 else 0.5
        return _LEFT + share * (_RIGHT - _LEFT)

    def outline(
        self, edges: Sequence[float], lifts: Sequence[float]
    ) -> Iterator[Point]:
        """Steps over bins; lifts in 0 to 1."""
        yield self.x(edges[0]), self.bottom
        for low, high, lift in zip(edges[:-1], edges[1:], lifts, strict=True):
            yield self.x(low), self.y(lift)
            yield self.x(high), self.y(lift)
        yield self.x(edges[-1]), self.bottom

    def y(self, lift: float) -> float:
        """The pixel from the top of a share of the height."""
        return self.bottom - lift * _DRAWN


def weight_histograms(
    candidate: TensorStatistics, reference: TensorStatistics | None
) -> Svg:
    """Values, powers of two and ranges by channel, those of them that are known.

    The reference is filled, the candidate a line; counts are on a log scale. The
    candidate's counts are brought to the reference's bin width, so that two equal
    distributions coincide whatever their bins.
    """
    drawings = [
        *_values(candidate.histogram, reference.histogram if reference else None),
        *_powers(candidate.octaves, reference.octaves if reference else None),
        *_channels(candidate.channels, reference.channels if reference else None),
    ]
    high = _TITLE + _DRAWN + _TICKS + _GAP
    canvas = Canvas(_WIDTH, max(len(drawings) * high - _GAP, 1.0), "weights")
    for row, (title, panel, draw) in enumerate(drawings):
        placed = Panel(row * high + _TITLE, panel.low, panel.high)
        canvas.text((_LEFT, placed.top - 5), title, "tick start")
        draw(canvas, placed)
        canvas.line((_LEFT, placed.bottom), (_RIGHT, placed.bottom), "axis-line")
    return canvas.markup()


def _values(
    candidate: Histogram | None, reference: Histogram | None
) -> Iterator[tuple[str, Panel, Drawing]]:
    if candidate is None:
        return
    sides = [candidate] if reference is None else [candidate, reference]
    low = min(side.edges[0] for side in sides)
    high = max(side.edges[-1] for side in sides)
    own = _scaled(candidate, _bin_width(reference or candidate))

    def draw(canvas: Canvas, panel: Panel) -> None:
        counts = [float(n) for n in reference.counts] if reference else []
        tallest = max([*own, *counts, 1.0])
        if reference is not None:
            outline = panel.outline(reference.edges, _lifts(counts, tallest))
            canvas.path(f"{steps(outline)}Z", "reference")
        outline = panel.outline(candidate.edges, _lifts(own, tallest))
        canvas.path(steps(outline), "candidate")
        _ends(canvas, panel, _tick(low), _tick(high))

    yield "values", Panel(0, low, high), draw


def _powers(
    candidate: Histogram | None, reference: Histogram | None
) -> Iterator[tuple[str, Panel, Drawing]]:
    """By sign and power of two, zeros in the middle; of both over the same powers."""
    if candidate is None:
        return
    sides = [side for side in (candidate, reference) if side is not None]
    highest = max(math.log2(side.edges[-1]) for side in sides)
    lowest = min(math.log2(_smallest(side)) for side in sides)
    low, high = round(max(lowest, highest - _MAX_OCTAVES)), round(highest)
    own = _aligned(candidate, low, high)
    theirs = _aligned(reference, low, high) if reference else []
    n = len(own)

    def draw(canvas: Canvas, panel: Panel) -> None:
        tallest = max([*own, *theirs, 1.0])
        for side in (-1, 1):
            if low < _FP16_NORMAL < high:
                x = panel.x(n / 2 + side * (0.5 + _FP16_NORMAL - low))
                canvas.line((x, panel.top), (x, panel.bottom), "float16-limit")
        edges = [float(k) for k in range(n + 1)]
        if theirs:
            outline = panel.outline(edges, _lifts(theirs, tallest))
            canvas.path(f"{steps(outline)}Z", "reference")
        canvas.path(steps(panel.outline(edges, _lifts(own, tallest))), "candidate")
        _ends(canvas, panel, _tick(-(2.0**high)), _tick(2.0**high))
        canvas.text((panel.x(n / 2), panel.bottom + 12), "0", "tick middle")

    yield "magnitudes, by power of two", Panel(0, 0.0, float(n)), draw


def _smallest(found: Histogram) -> float:
    return min(abs(edge) for edge in found.edges)


def _aligned(found: Histogram, low: int, high: int) -> list[float]:
    """Counts from -2**high over 0 to 2**high; what is smaller joins the smallest."""
    n = high - low
    counts = [0.0] * (2 * n + 1)
    middle = len(found.counts) // 2
    first = round(math.log2(_smallest(found)))
    counts[n] = float(found.counts[middle])
    for k in range(middle):
        at = max(first + k - low, 0)
        counts[n - 1 - at] += found.counts[middle - 1 - k]
        counts[n + 1 + at] += found.counts[middle + 1 + k]
    return counts


def _channels(
    candidate: ChannelRanges | None, reference: ChannelRanges | None
) -> Iterator[tuple[str, Panel, Drawing]]:
    """A band from the smallest to the largest weight of each output channel."""
    if candidate is None or candidate.n < 2 or not candidate.low:
        return
    sides = [candidate]
    if reference is not None and len(reference.low) == len(candidate.low):
        sides.append(reference)
    known = [v for side in sides for v in (*side.low, *side.high) if v is not None]
    if not known:
        return
    low, high = min(*known, 0.0), max(*known, 0.0)
    n = len(candidate.low)

    def draw(canvas: Canvas, panel: Panel) -> None:
        def y(value: float | None) -> float:
            return panel.y(((value or 0.0) - low) / ((high - low) or 1.0))

        canvas.line((_LEFT, y(0.0)), (_RIGHT, y(0.0)), "grid")
        for side, kind in zip(reversed(sides), ("reference", ""), strict=False):
            top = list(_steps(panel, map(y, side.high)))
            bottom = list(_steps(panel, map(y, side.low)))
            if kind and len(sides) > 1:
                canvas.path(f"{steps([*top, *reversed(bottom)])}Z", kind)
                continue
            canvas.path(steps(top), "candidate")
            canvas.path(steps(bottom), "candidate")
        _ends(canvas, panel, "channel 0", str(candidate.n - 1))

    title = f"range of each channel, {_tick(low)} to {_tick(high)}"
    yield title, Panel(0, 0.0, float(n)), draw


def _steps(panel: Panel, heights: Iterator[float]) -> Iterator[Point]:
    for k, height in enumerate(heights):
        yield panel.x(k), height
        yield panel.x(k + 1), height


def _ends(canvas: Canvas, panel: Panel, low: str, high: str) -> None:
    canvas.text((_LEFT, panel.bottom + 12), low, "tick start")
    canvas.text((_RIGHT, panel.bottom + 12), high, "tick end")


def _lifts(counts: Sequence[float], tallest: float) -> list[float]:
    return [math.log1p(n) / math.log1p(tallest) for n in counts]


def _tick(value: float) -> str:
    return f"{value:.2g}".replace("-", "\u2212", 1)


def _bin_width(found: Histogram) -> float:
    return (found.edges[-1] - found.edges[0]) / max(len(found.counts), 1)


def _scaled(found: Histogram, width: float) -> list[float]:
    own = _bin_width(found)
    scale = width / own if own > 0 and width > 0 else 1.0
    return [n * scale for n in found.counts]
