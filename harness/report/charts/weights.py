"""Distributions of a weight tensor, candidate over reference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.charts.svg import Canvas, steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import Histogram
    from harness.report.view.page import Svg

_SIZE = (272.0, 104.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 1.0, 271.0, 6.0, 86.0


@dataclass(frozen=True, slots=True)
class _Frame:
    low: float
    high: float
    tallest: float

    def x(self, value: float) -> float:
        wide = self.high - self.low
        share = (value - self.low) / wide if wide > 0 else 0.5
        return _LEFT + share * (_RIGHT - _LEFT)

    def y(self, n: float) -> float:
        lift = math.log1p(n) / math.log1p(self.tallest) if self.tallest > 0 else 0.0
        return _BOTTOM - lift * (_BOTTOM - _TOP)

    def outline(
        self, found: Histogram, counts: list[float]
    ) -> Iterator[tuple[float, float]]:
        yield self.x(found.edges[0]), _BOTTOM
        for low, high, n in zip(found.edges[:-1], found.edges[1:], counts, strict=True):
            yield self.x(low), self.y(n)
            yield self.x(high), self.y(n)
        yield self.x(found.edges[-1]), _BOTTOM


def weight_histograms(candidate: Histogram, reference: Histogram | None) -> Svg:
    """The reference filled, the candidate as a line; counts on a log scale.

    The candidate's counts are brought to the reference's bin width, so that two equal
    distributions coincide whatever their bins.
    """
    ruler = _bin_width(reference or candidate)
    own = _scaled(candidate, ruler)
    sides = [candidate] if reference is None else [candidate, reference]
    frame = _Frame(
        low=min(side.edges[0] for side in sides),
        high=max(side.edges[-1] for side in sides),
        tallest=max(*own, *(reference.counts if reference else (0,)), 1.0),
    )
    canvas = Canvas(*_SIZE, "weights")
    if reference is not None:
        counts = [float(n) for n in reference.counts]
        canvas.path(f"{steps(frame.outline(reference, counts))}Z", "reference")
    canvas.path(steps(frame.outline(candidate, own)), "candidate")
    canvas.line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), "axis-line")
    canvas.text((_LEFT, _SIZE[1] - 4), _tick(frame.low), "tick start")
    canvas.text((_RIGHT, _SIZE[1] - 4), _tick(frame.high), "tick end")
    return canvas.markup()


def _tick(value: float) -> str:
    return f"{value:.2g}".replace("-", "\u2212", 1)


def _bin_width(found: Histogram) -> float:
    return (found.edges[-1] - found.edges[0]) / max(len(found.counts), 1)


def _scaled(found: Histogram, width: float) -> list[float]:
    own = _bin_width(found)
    scale = width / own if own > 0 and width > 0 else 1.0
    return [n * scale for n in found.counts]
