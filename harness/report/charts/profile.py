"""Errors along a graph: what each step injects, and what it inherits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.charts.svg import Canvas, steps
from harness.report.text import one_line, scientific, shorten

if TYPE_CHECKING:
    from harness.core.results import ErrorProfile, ErrorStep
    from harness.report.view.page import Svg

_SIZE = (720.0, 196.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 712.0, 26.0, 164.0
# Zero has no place on a log scale; it is drawn this far under the lowest decade.
_FOOT = 10.0
_MAX_DECADES = 16
_MAX_TICKS = 6
_MAX_BAR = 28.0


@dataclass(frozen=True, slots=True)
class _Scale:
    """Steps and errors -> pixels; errors between two powers of ten."""

    n: int
    low: int
    high: int

    @property
    def wide(self) -> float:
        return (_RIGHT - _LEFT) / self.n

    def x(self, place: float) -> float:
        return _LEFT + (place + 0.5) * self.wide

    def y(self, error: float) -> float:
        """Where an error lies; what is smaller than all decades lies at zero."""
        if not error > 10.0**self.low:
            return _BOTTOM if not error > 0 else _BOTTOM - _FOOT
        share = (math.log10(error) - self.low) / (self.high - self.low)
        return _BOTTOM - _FOOT - min(share, 1.0) * (_BOTTOM - _FOOT - _TOP)


def error_profile(profile: ErrorProfile) -> Svg:
    """Bars of injected error and a line of inherited error, in the graph's order.

    The scale is logarithmic. Steps that inject more than rounding are coloured, and
    the first of them is named.
    """
    canvas = Canvas(*_SIZE, "profile")
    scale = _scale(profile)
    _grid(canvas, scale)
    for place, step in enumerate(profile.steps):
        _bar(canvas, scale, place, step)
    _floor(canvas, scale, profile)
    _inherited(canvas, scale, profile)
    canvas.line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), "axis-line")
    _name_first(canvas, scale, profile)
    for place, step in enumerate(profile.steps):
        corner = (scale.x(place - 0.5), _TOP)
        area = canvas.rect(corner, (scale.wide, _BOTTOM - _TOP), "step")
        canvas.hover(area, _told(step))
    return canvas.markup()


def _scale(profile: ErrorProfile) -> _Scale:
    errors = [e for s in profile.steps for e in (s.injected, s.inherited or 0, s.floor)]
    known = [math.log10(error) for error in errors if 0 < error < math.inf] or [0.0]
    high = math.ceil(max(known))
    low = max(math.floor(min(known)), high - _MAX_DECADES)
    return _Scale(max(len(profile.steps), 1), min(low, high - 1), high)


def _grid(canvas: Canvas, scale: _Scale) -> None:
    every = math.ceil((scale.high - scale.low) / _MAX_TICKS)
    for power in range(scale.high, scale.low - 1, -every):
        y = scale.y(10.0**power)
        canvas.line((_LEFT, y), (_RIGHT, y), "grid")
        canvas.text((_LEFT - 8, y + 4), f"1e{power}", "tick end")
    canvas.text((_LEFT - 8, _BOTTOM + 4), "0", "tick end")
    canvas.text((_LEFT, _BOTTOM + 16), "first step", "tick start")
    middle = (_LEFT + _RIGHT) / 2
    canvas.text((middle, _BOTTOM + 16), "steps in the graph's order", "tick middle")
    canvas.text((_RIGHT, _BOTTOM + 16), "last step", "tick end")


def _bar(canvas: Canvas, scale: _Scale, place: int, step: ErrorStep) -> None:
    top = scale.y(step.injected)
    if top >= _BOTTOM:
        return
    wide = min(scale.wide * 0.7, _MAX_BAR)
    kind = "injected worse" if step.guilty else "injected"
    canvas.rect((scale.x(place) - wide / 2, top), (wide, _BOTTOM - top), kind)


def _floor(canvas: Canvas, scale: _Scale, profile: ErrorProfile) -> None:
    """A stair: each step has a floor of its own."""
    stair = []
    for place, step in enumerate(profile.steps):
        y = scale.y(step.floor)
        stair += [(scale.x(place - 0.5), y), (scale.x(place + 0.5), y)]
    canvas.path(steps(stair), "floor")


def _inherited(canvas: Canvas, scale: _Scale, profile: ErrorProfile) -> None:
    """Through neighbours; a step that was not measured breaks the line."""
    points: list[tuple[float, float]] = []
    for place, step in enumerate((*profile.steps, None)):
        if step is not None and step.inherited is not None:
            points.append((scale.x(place), scale.y(step.inherited)))
        elif points:
            ends = points if len(points) > 1 else _dash(points[0])
            canvas.path(steps(ends), "inherited")
            points = []


def _dash(point: tuple[float, float]) -> list[tuple[float, float]]:
    """One step alone, as a line that can be seen."""
    return [(point[0] - 2, point[1]), (point[0] + 2, point[1])]


def _name_first(canvas: Canvas, scale: _Scale, profile: ErrorProfile) -> None:
    guilty = (k for k, step in enumerate(profile.steps) if step.guilty)
    place = next(guilty, None)
    if place is None:
        return
    step, x = profile.steps[place], scale.x(place)
    canvas.line((x, 12), (x, _BOTTOM), "limit")
    anchor, gap = ("end", -5) if place > len(profile.steps) / 2 else ("start", 5)
    text = f"first: {_place(step)}"
    canvas.text((x + gap, 14), shorten(text, 52), f"limit-text {anchor}")


def _place(step: ErrorStep) -> str:
    return f"{one_line(step.op_type)} '{one_line(step.candidate_node)}'"


def _told(step: ErrorStep) -> str:
    errors = f"injected {scientific(step.injected)}"
    errors += f", inherited {scientific(step.inherited)}"
    return f"{_place(step)}: {errors}, rounding {scientific(step.floor)}"
