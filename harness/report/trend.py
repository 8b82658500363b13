"""A trend as one HTML page: no script, no network, the report's own style."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report import trend_words as words
from harness.report.charts.series import series_chart
from harness.report.document import environment, policy, source
from harness.report.text import clean, one_line, slug
from harness.report.view.cells import unique
from harness.report.view.page import Trusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.trends import Since, Trend, Turn, VariantTrend
    from harness.report.view.page import Svg

_MOST_ROWS = 120


@dataclass(frozen=True, slots=True)
class _Change:
    """A run at which a variant's levels moved, with what else did."""

    variant: str
    anchor: str
    night: str
    moves: tuple[str, ...]
    causes: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class _Chart:
    """One metric: the title says what to see."""

    title: str
    detail: str
    svg: Svg


@dataclass(frozen=True, slots=True)
class _Variant:
    """One variant's section."""

    name: str
    anchor: str
    kind: str
    state: str
    failing: bool
    first_bad: _Change | None
    charts: tuple[_Chart, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: str


@dataclass(frozen=True, slots=True)
class _Against:
    """The newest run against an earlier one."""

    title: str
    rows: tuple[tuple[str, str, str, str, str], ...]


def render_trend_html(trend: Trend) -> str:
    """The whole page as one document; the same record gives the same bytes."""
    style = source("report.css") + source("trend.css")
    anchors = _anchors(trend)
    variants = [_variant(trend, each, anchors[each.name]) for each in trend.variants]
    rendered: str = (
        environment()
        .get_template("trend.html.j2")
        .render(
            suite=one_line(trend.suite),
            headline=words.headline(trend),
            accepted=words.accepted(trend),
            lead=_lead(trend),
            verdict=trend.runs[-1].verdict,
            changes=list(_changes(trend, anchors)),
            against=[_against(since) for since in trend.since],
            notices=list(map(clean, trend.notices)),
            variants=variants,
            policy=policy(style),
            style=Trusted(style),
        )
    )
    return rendered


def _anchors(trend: Trend) -> dict[str, str]:
    taken: set[str] = set()
    anchors = {}
    for variant in trend.variants:
        anchors[variant.name] = unique(f"variant-{slug(variant.name)}", taken)
        taken.add(anchors[variant.name])
    return anchors


def _lead(trend: Trend) -> str:
    newest = f"The newest run, {words.night(trend.runs[-1])}, {_ended(trend)}"
    turns = {turn.index for variant in trend.variants for turn in variant.turns}
    if not turns:
        return f"{newest}; no number changed its level."
    count = len(turns)
    return f"{newest}; levels moved in {count} {'run' if count == 1 else 'runs'}."


def _ended(trend: Trend) -> str:
    verdict = trend.runs[-1].verdict
    return {"passed": "passed", "failed": "failed"}.get(verdict, f"ended {verdict}")


def _changes(trend: Trend, anchors: dict[str, str]) -> Iterator[_Change]:
    """Every turn of every variant, the newest first."""
    pairs = [(turn, variant) for variant in trend.variants for turn in variant.turns]
    for turn, variant in sorted(pairs, key=lambda pair: -pair[0].index):
        yield _change(trend, variant, turn, anchors[variant.name])


def _change(trend: Trend, variant: VariantTrend, turn: Turn, anchor: str) -> _Change:
    better = [
        change.better
        for series in variant.series
        for change in series.changes
        if change.index == turn.index
    ]
    return _Change(
        variant=one_line(variant.name),
        anchor=anchor,
        night=words.night(trend.runs[turn.index]),
        moves=tuple(words.moves(variant, turn)),
        causes=words.causes(turn),
        kind="better" if better and all(better) else "worse",
    )


def _variant(trend: Trend, variant: VariantTrend, anchor: str) -> _Variant:
    bad = variant.first_bad
    rows = list(_rows(trend, variant))
    return _Variant(
        name=one_line(variant.name),
        anchor=anchor,
        kind=variant.kind,
        state=words.state(trend, variant),
        failing=bad is not None,
        first_bad=None if bad is None else _change(trend, variant, bad, anchor),
        charts=tuple(_charts(trend, variant)),
        columns=tuple(words.label(series.metric) for series in variant.series),
        rows=tuple(rows[:_MOST_ROWS]),
        more=f"{len(rows) - _MOST_ROWS} earlier runs are not listed."
        if len(rows) > _MOST_ROWS
        else "",
    )


def _charts(trend: Trend, variant: VariantTrend) -> Iterator[_Chart]:
    for series in variant.series:
        known = [value for value in series.values if value is not None]
        now = words.shown(series.metric, known[-1])
        told = [
            f"{words.shown(series.metric, change.before)} -> "
            f"{words.shown(series.metric, change.after)} at "
            f"{words.night(trend.runs[change.index])}"
            for change in series.changes
        ]
        detail = "; ".join(told) or "no change of level"
        title = f"{words.label(series.metric)}, now {now}"
        yield _Chart(title, detail, series_chart(trend, series))


def _rows(trend: Trend, variant: VariantTrend) -> Iterator[tuple[str, ...]]:
    """The table behind the charts, the newest run first."""
    for index in range(len(trend.runs) - 1, -1, -1):
        values = [(each.metric, each.values[index]) for each in variant.series]
        shown = (
            "\u2013" if value is None else words.shown(metric, value)
            for metric, value in values
        )
        yield (words.night(trend.runs[index]), *shown)


def _against(since: Since) -> _Against:
    rows = tuple(
        (
            one_line(move.variant),
            words.label(move.metric),
            words.shown(move.metric, move.before),
            words.shown(move.metric, move.after),
            "better" if move.better else "worse",
        )
        for move in since.moves
    )
    return _Against(f"Newest run {words.against(since)}", rows)
