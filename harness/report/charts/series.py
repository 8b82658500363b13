"""One metric over the runs: dots, the levels between changes, and the changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.report import trend_words as words
from harness.report.charts.svg import Canvas, steps

if TYPE_CHECKING:
    from harness.core.trends import Series, Trend
    from harness.report.view.page import Svg

_SIZE = (460.0, 132.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 76.0, 448.0, 20.0, 104.0
_LEAST = 1e-12
# So many dots can be told apart, and pointed at.
_MOST_DOTS = 200


def series_chart(trend: Trend, series: Series) -> Svg:
    """Values from the first run to the last; a dashed line where a level moved."""
    canvas = Canvas(*_SIZE, "series")
    place = _Places(trend, series)
    for tick in (place.low, place.high) if place.high > place.low else (place.low,):
        y = place.y_of_scaled(tick)
        canvas.line((_LEFT, y), (_RIGHT, y), "grid")
        shown = words.shown(series.metric, place.unscaled(tick))
        canvas.text((_LEFT - 8, y + 4), shown, "tick end")
    canvas.line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), "axis-line")
    canvas.text((_LEFT, _BOTTOM + 16), words.date(trend.runs[0]), "tick start")
    canvas.text((_RIGHT, _BOTTOM + 16), words.date(trend.runs[-1]), "tick end")
    _draw_line(canvas, place, series)
    _draw_dots(canvas, place, trend, series)
    for change in series.changes:
        kind = "better" if change.better else "worse"
        x = place.x(change.index - 0.5)
        canvas.line((x, 12), (x, _BOTTOM), f"change {kind}")
        run = trend.runs[change.index]
        late = change.index > len(trend.runs) / 2
        anchor, gap = ("end", -4.0) if late else ("start", 4.0)
        canvas.text((x + gap, 12), f"run {run.id}, {kind}", f"tick {kind} {anchor}")
    return canvas.markup()


class _Places:
    """Runs and values -> pixels."""

    def __init__(self, trend: Trend, series: Series) -> None:
        self._log = series.scale == "log"
        self._n = len(trend.runs)
        known = [self.scaled(value) for value in series.values if value is not None]
        self.low, self.high = min(known), max(known)

    def scaled(self, value: float) -> float:
        return math.log10(max(value, _LEAST)) if self._log else value

    def unscaled(self, value: float) -> float:
        if not self._log:
            return value
        return 10**value if value > math.log10(_LEAST) else 0.0

    def x(self, index: float) -> float:
        inner = _RIGHT - _LEFT - 16
        return _LEFT + 8 + inner * (index / (self._n - 1) if self._n > 1 else 0.5)

    def y(self, value: float) -> float:
        return self.y_of_scaled(self.scaled(value))

    def y_of_scaled(self, value: float) -> float:
        if self.high - self.low <= 1e-12 * max(abs(self.low), abs(self.high)):
            return (_TOP + _BOTTOM) / 2
        share = (value - self.low) / (self.high - self.low)
        return _BOTTOM - 6 - share * (_BOTTOM - _TOP - 6)


def _draw_line(canvas: Canvas, place: _Places, series: Series) -> None:
    """Through neighbours; a run without a value breaks it."""
    points: list[tuple[float, float]] = []
    for index, value in enumerate((*series.values, None)):
        if value is not None:
            points.append((place.x(index), place.y(value)))
        elif points:
            canvas.path(steps(points), "trace")
            points = []


def _draw_dots(canvas: Canvas, place: _Places, trend: Trend, series: Series) -> None:
    if len(series.values) > _MOST_DOTS:
        return
    for index, value in enumerate(series.values):
        if value is None:
            continue
        run = trend.runs[index]
        kind = "dot bad" if words.is_bad(run) and series.metric == "verdict" else "dot"
        corner = (place.x(index) - 2.5, place.y(value) - 2.5)
        dot = canvas.rect(corner, (5, 5), kind)
        told = f"{words.night(run)}: {words.shown(series.metric, value)}"
        canvas.hover(dot, told)
