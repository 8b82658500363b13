"""Stored runs -> one `Trend`: series, changes of level, and what changed with them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import ReportError
from harness.core.trends import (
    ChangePoint,
    Move,
    Series,
    Since,
    Trend,
    Turn,
    VariantTrend,
)
from harness.history.facts import differences
from harness.history.levels import changes, noise, repeats
from harness.history.metrics import METRICS, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.history.database import History, StoredRun

MOST_RUNS = 1000
"""Changes of level are looked for in so many runs at most."""
# Two runs differ by noise of the square root of two; five of these are no chance.
_NEWS = 5 * 2**0.5
_SAME = 1e-9


def read_trend(
    history: History, suite: str, *, last: int, nights: int, only: Sequence[str] = ()
) -> Trend:
    """How the last runs of a suite went.

    Args:
        history: The file.
        suite: Name of the suite.
        last: Runs to look at, `MOST_RUNS` at most.
        nights: The newest run is also held against one so many days older.
        only: Names of variants; empty for all.

    Raises:
        ReportError: The file cannot be read, or holds no such suite or variant.
    """
    stored = history.runs(suite, min(last, MOST_RUNS))
    if not stored:
        known = ", ".join(map(repr, history.suites())) or "no suite"
        raise ReportError(
            f"the history holds no run of suite {suite!r}",
            hint=f"it holds runs of {known}",
        )
    names = _names(stored, only)
    variants = tuple(_variant(stored, name) for name in names)
    earlier = [
        ("accepted", history.accepted(suite)),
        (f"{nights} nights back", _nights_back(stored, nights)),
    ]
    return Trend(
        suite=suite,
        runs=tuple(each.run for each in stored),
        variants=variants,
        since=tuple(
            Since(title, run.run, _moves(run, stored[-1], variants))
            for title, run in earlier
            if run is not None and run.run.id != stored[-1].run.id
        ),
        notices=tuple(_notices(stored, earlier)),
    )


def _names(stored: Sequence[StoredRun], only: Sequence[str]) -> list[str]:
    """The newest run's order first; variants that it lacks come after."""
    known = dict.fromkeys(name for each in reversed(stored) for name in each.variants)
    if unknown := sorted(set(only) - known.keys()):
        raise ReportError(
            f"the history holds no variant {unknown[0]!r}",
            hint=f"it holds {', '.join(known)}",
        )
    return [name for name in known if not only or name in only]


def _variant(stored: Sequence[StoredRun], name: str) -> VariantTrend:
    series = tuple(
        found for metric in METRICS if (found := _series(stored, name, metric))
    )
    moved: dict[int, list[str]] = {}
    for each in series:
        for change in each.changes:
            moved.setdefault(change.index, []).append(each.metric)
    last = next(v for each in reversed(stored) if (v := each.variants.get(name)))
    bad = _first_bad(stored, name)
    return VariantTrend(
        name=name,
        kind=last.kind,
        series=series,
        turns=tuple(
            _turn(stored, name, index, moved[index]) for index in sorted(moved)
        ),
        first_bad=None if bad is None else _turn(stored, name, bad, ["verdict"]),
    )


def _series(stored: Sequence[StoredRun], name: str, metric: str) -> Series | None:
    values = tuple(_value(each, name, metric) for each in stored)
    known = [i for i, value in enumerate(values) if value is not None]
    if not known:
        return None
    meant = METRICS[metric]
    scaled = np.array([meant.scaled(v) for v in values if v is not None])
    starts = changes(scaled, meant.least_noise)
    edges = [0, *starts, len(known)]
    levels = [
        meant.unscaled(float(np.median(scaled[before:after])))
        for before, after in pairwise(edges)
    ]
    pairs = zip(starts, levels, levels[1:], strict=False)
    return Series(
        metric=metric,
        scale=meant.scale,
        values=values,
        noise=0.0 if repeats(scaled) else max(noise(scaled), meant.least_noise),
        changes=tuple(
            ChangePoint(known[start], before, after, meant.improved(before, after))
            for start, before, after in pairs
        ),
    )


def _value(run: StoredRun, name: str, metric: str) -> float | None:
    variant = run.variants.get(name)
    return variant.metrics.get(metric) if variant else None


def _turn(
    stored: Sequence[StoredRun], name: str, index: int, metrics: Iterable[str]
) -> Turn:
    """What differs from the run before in which one of the metrics was measured."""
    for before in reversed(stored[:index]):
        if any(_value(before, name, metric) is not None for metric in metrics):
            then, now = _facts(before, name), _facts(stored[index], name)
            return Turn(index, differences(then, now))
    return Turn(index, ())


def _facts(run: StoredRun, name: str) -> dict[str, str]:
    facts = {**run.facts, **run.variants[name].facts}
    if facts.get("model") == facts.get("reference model"):
        facts.pop("reference model", None)
    return facts


def _first_bad(stored: Sequence[StoredRun], name: str) -> int | None:
    """The first run of the failing that lasts until now; None where there is none."""
    first = None
    for index in range(len(stored) - 1, -1, -1):
        verdict = _value(stored[index], name, "verdict")
        if verdict is None:
            continue
        if verdict > VERDICTS["error"]:
            break
        first = index
    return first


def _nights_back(stored: Sequence[StoredRun], nights: int) -> StoredRun | None:
    """The newest run that is at least so many days older than the last one."""
    latest = _date(stored[-1])
    if latest is None:
        return None
    # A night's run may start some hours earlier or later than the last one's.
    until = latest - timedelta(days=nights) + timedelta(hours=12)
    for each in reversed(stored[:-1]):
        when = _date(each)
        if when is not None and when <= until:
            return each
    return None


def _date(run: StoredRun) -> datetime | None:
    try:
        return datetime.fromisoformat(run.run.started)
    except ValueError:
        return None


def _moves(
    before: StoredRun, after: StoredRun, variants: Iterable[VariantTrend]
) -> tuple[Move, ...]:
    found = []
    for variant in variants:
        for series in variant.series:
            then = _value(before, variant.name, series.metric)
            now = _value(after, variant.name, series.metric)
            if then is None or now is None or not _is_news(series, then, now):
                continue
            better = METRICS[series.metric].improved(then, now)
            found.append(Move(variant.name, series.metric, then, now, better))
    return tuple(sorted(found, key=lambda move: move.better))


def _is_news(series: Series, before: float, after: float) -> bool:
    """Whether two values differ by more than their series' noise."""
    meant = METRICS[series.metric]
    step = abs(meant.scaled(after) - meant.scaled(before))
    same = _SAME * max(abs(before), abs(after))
    return step > _NEWS * series.noise and abs(after - before) > same


def _notices(
    stored: Sequence[StoredRun], earlier: Iterable[tuple[str, StoredRun | None]]
) -> list[str]:
    missing = [title for title, run in earlier if run is None]
    notices = []
    if "accepted" in missing:
        notices.append(
            "No run has been accepted: harness history accept SUITE [RUN] marks one."
        )
    if len(stored) > 1 and len(missing) > ("accepted" in missing):
        notices.append(f"No run is {missing[-1]}.")
    return notices
