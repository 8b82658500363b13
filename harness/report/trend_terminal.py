"""A trend for the terminal: one sparkline a metric, and what changed where."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.report import trend_words as words
from harness.report.text import columns, one_line, shorten, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.trends import Series, Since, Trend, VariantTrend

_BLOCKS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_ASCII = "_.-~=+*#"
_GAP = " "
_LABEL = 15
_VALUE = 14
# Under a floor of 1e-12 histograms and metrics end too.
_LEAST = 1e-12


def render_trend(trend: Trend, *, plain: bool = False, width: int = 80) -> str:
    """Metrics over the runs, changes of level, and the newest run against others.

    Args:
        trend: The record.
        plain: Draw with ASCII alone.
        width: Columns.
    """
    lines = list(_head(trend, width))
    for variant in trend.variants:
        lines += ["", *_variant(trend, variant, plain, width)]
    for since in trend.since:
        lines += ["", f"Newest run {words.against(since)}:"]
        lines += _since(since, width) or ["  nothing moved by more than its noise"]
    if trend.notices:
        lines.append("")
    for notice in trend.notices:
        lines += wrap(one_line(notice), width, "", "")
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.replace("\u00b5s", "us") if plain else text


def sparkline(
    values: Sequence[float | None], *, log: bool, plain: bool, cells: int
) -> str:
    """Values as bars of eight heights, low to high; gaps where there are none.

    More values than cells share cells; a cell shows the mean of its values.

    Args:
        values: One a run.
        log: Whether heights go by the logarithm.
        plain: Draw with ASCII alone.
        cells: Columns at most.
    """
    scaled = [None if v is None else _scaled(v, log=log) for v in values]
    n = min(len(scaled), cells)
    edges = [round(i * len(scaled) / n) for i in range(n + 1)]
    means = [_mean(scaled[edges[i] : edges[i + 1]]) for i in range(n)]
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    levels = _ASCII if plain else _BLOCKS
    return "".join(
        _GAP if mean is None else levels[_height(mean, low, high)] for mean in means
    )


def _head(trend: Trend, width: int) -> Iterator[str]:
    yield _titled(trend.suite, words.headline(trend), width)
    accepted = words.accepted(trend)
    if accepted:
        yield accepted


def _titled(name: str, told: str, width: int) -> str:
    room = max(width - columns(told) - 2, 8)
    return f"{shorten(one_line(name), room)}  {told}"


def _since(since: Since, width: int) -> list[str]:
    lines = []
    for move in since.moves:
        pair = (move.before, move.after)
        told = words.moved(move.metric, *pair, better=move.better)
        whose = one_line(move.variant)
        lines += wrap(f"{whose}: {told}", width, "  ", "    ")
    return lines


def _variant(
    trend: Trend, variant: VariantTrend, plain: bool, width: int
) -> Iterator[str]:
    state = words.state(trend, variant)
    yield _titled(variant.name, f"{variant.kind}  {state}", width)
    cells = width - 2 - _LABEL - _VALUE
    for series in variant.series:
        yield _series(series, plain, cells)
    marks = _marks(len(trend.runs), cells, [turn.index for turn in variant.turns])
    if variant.turns:
        yield f"  {'changes':{_LABEL}}{marks}"
    told = [*variant.turns]
    bad = variant.first_bad
    if bad is not None and bad.index not in {turn.index for turn in told}:
        told.append(bad)
    for turn in told:
        run = trend.runs[turn.index]
        moves = "; ".join(words.moves(variant, turn)) or "fails from here on"
        yield from wrap(f"{words.night(run)}: {moves}", width, "  ", "    ")
        for cause in words.causes(turn):
            yield from wrap(cause, width, "      ", "        ")


def _series(series: Series, plain: bool, cells: int) -> str:
    log = series.scale == "log"
    drawn = sparkline(series.values, log=log, plain=plain, cells=cells)
    known = [value for value in series.values if value is not None]
    gap = " " * (cells - columns(drawn))
    last = words.shown(series.metric, known[-1])
    label = shorten(words.label(series.metric), _LABEL - 1)
    return f"  {label:{_LABEL}}{drawn}{gap}  {last}"


def _marks(n: int, cells: int, found: Sequence[int]) -> str:
    wide = min(n, cells)
    marks = [" "] * wide
    for index in found:
        marks[min(index * wide // n, wide - 1)] = "^"
    return "".join(marks)


def _scaled(value: float, *, log: bool) -> float:
    return math.log10(max(value, _LEAST)) if log else value


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _height(value: float, low: float, high: float) -> int:
    """0 to 7; the middle where all values are the same but for rounding."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return len(_ASCII) // 2
    return min(int((value - low) / (high - low) * len(_ASCII)), len(_ASCII) - 1)
