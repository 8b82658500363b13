"""Errors by decade, with the tolerance marked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from harness.report.charts.svg import Canvas
from harness.report.text import count, scientific

if TYPE_CHECKING:
    from harness.core.results import Histogram, OutputComparison
    from harness.report.view.page import Svg

_SIZE = (450.0, 156.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 442.0, 26.0, 122.0
_MAX_EMPTY = 8


class _Bin(NamedTuple):
    low: float
    high: float
    n: int


def error_histogram(found: OutputComparison) -> Svg:
    """Elements by decade of ``|c - r|``: counts on a log scale, atol marked."""
    canvas = Canvas(*_SIZE, "errors")
    bins = _shown_bins(found.error_histogram, found.atol)
    wide = (_RIGHT - _LEFT) / max(len(bins), 1)
    tallest = max((n for _, _, n in bins), default=1)
    for k, bar in enumerate(bins):
        beyond = 0 < found.atol <= bar.low
        _draw(canvas, bar, (_LEFT + k * wide, wide), _lift(bar.n, tallest), beyond)
    canvas.line((_LEFT, _BOTTOM), (_RIGHT, _BOTTOM), "axis-line")
    canvas.text((_LEFT - 8, _TOP + 4), "elements", "tick end")
    canvas.text((_LEFT - 8, _TOP + 17), "(log)", "tick end")
    middle = ((_LEFT + _RIGHT) / 2, _SIZE[1] - 4)
    canvas.text(middle, "absolute error, by decade", "tick middle")
    _mark(canvas, found.atol, bins)
    return canvas.markup()


def _draw(
    canvas: Canvas, bar: _Bin, span: tuple[float, float], lift: float, beyond: bool
) -> None:
    left, wide = span
    height = lift * (_BOTTOM - _TOP)
    size = (max(wide - 2, 1), height)
    kind = "bar worse" if beyond else "bar"
    drawn = canvas.rect((left + 1, _BOTTOM - height), size, kind)
    canvas.hover(drawn, f"{_between(bar)}: {count(bar.n)} elements")
    middle = left + wide / 2
    if bar.n:
        canvas.text((middle, _BOTTOM - height - 4), _brief(bar.n), "value middle")
    canvas.text((middle, _BOTTOM + 14), _decade(bar), "tick middle")


def _shown_bins(found: Histogram, atol: float) -> list[_Bin]:
    """Bins in use, with empty ones up to the tolerance, where that is not far."""
    pairs = zip(found.edges[:-1], found.edges[1:], found.counts, strict=True)
    bins = [_Bin(*pair) for pair in pairs]
    while len(bins) > 1 and not bins[-1].n:
        bins.pop()
    zero, bins = bins[:1], bins[1:]
    while bins and not bins[0].n:
        del bins[0]
    return [*(zero if zero and zero[0].n else []), *_widened(bins, atol)]


def _widened(bins: list[_Bin], atol: float) -> list[_Bin]:
    if not bins or atol <= 0:
        return bins
    for _ in range(_MAX_EMPTY):
        if atol >= bins[-1].high:
            bins = [*bins, _Bin(bins[-1].high, bins[-1].high * 10, 0)]
        elif atol < bins[0].low:
            bins = [_Bin(bins[0].low / 10, bins[0].low, 0), *bins]
    return bins


def _lift(n: int, tallest: int) -> float:
    """0 for none, a visible foot for one, 1 for the tallest."""
    return 0.0 if n == 0 else (0.25 + math.log10(n)) / (0.25 + math.log10(tallest))


def _decade(bar: _Bin) -> str:
    return "0" if bar.low == 0 else f"1e{math.floor(math.log10(bar.low) + 1e-9)}"


def _between(bar: _Bin) -> str:
    if bar.low == 0:
        return f"under {scientific(bar.high)}"
    return f"{scientific(bar.low)} to {scientific(bar.high)}"


def _brief(n: int) -> str:
    """A count in at most four characters."""
    for power, unit in ((9, "G"), (6, "M"), (3, "k")):
        if n >= 10**power:
            value = n / 10**power
            return f"{value:.0f}{unit}" if value >= 10 else f"{value:.1f}{unit}"
    return str(n)


def _mark(canvas: Canvas, atol: float, bins: list[_Bin]) -> None:
    at = _position(atol, bins)
    if at is None:
        return
    x = _LEFT + at * (_RIGHT - _LEFT) / len(bins)
    canvas.line((x, 12), (x, _BOTTOM), "limit")
    anchor, gap = ("end", -5) if at > len(bins) / 2 else ("start", 5)
    canvas.text((x + gap, 12), f"atol {scientific(atol)}", f"limit-text {anchor}")


def _position(value: float, bins: list[_Bin]) -> float | None:
    """Where a value lies, in bins from the left; None where it lies outside."""
    for k, (low, high, _) in enumerate(bins):
        if 0 < low <= value <= high:
            return k + math.log(value / low) / math.log(high / low)
    return None
