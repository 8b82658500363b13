"""How a trend reads in every renderer: metrics, values, runs and what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import (
    decibel,
    duration,
    number,
    one_line,
    percent,
    quantity,
    scientific,
    shorten,
    size,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.trends import (
        Difference,
        RunFacts,
        Since,
        Trend,
        Turn,
        VariantTrend,
    )

_VERDICTS = ("failed", "not run", "undecided", "passed")
_BAD = frozenset({"failed", "error"})
# Of two git commits or digests the start tells them apart.
_DIGEST = 12
_MAX_FACT = 60


def _verdict(value: float) -> str:
    return _VERDICTS[min(max(round(value), 0), len(_VERDICTS) - 1)]


_METRICS: dict[str, tuple[str, Callable[[float], str]]] = {
    "verdict": ("verdict", _verdict),
    "accuracy": ("accuracy", percent),
    "agreement": ("agreement", percent),
    "worst_recall": ("worst recall", percent),
    "max_error": ("max error", scientific),
    "sqnr": ("SQNR", decibel),
    "size": ("size", lambda value: size(round(value))),
    "seconds": ("time a sample", duration),
}


def label(metric: str) -> str:
    """A metric's name in words."""
    return _METRICS[metric][0] if metric in _METRICS else one_line(metric)


def shown(metric: str, value: float) -> str:
    """A metric's value with its unit."""
    return _METRICS[metric][1](value) if metric in _METRICS else number(value)


def date(run: RunFacts) -> str:
    """The day of a run."""
    return one_line(run.started)[:10]


def night(run: RunFacts) -> str:
    """A run by its number and day."""
    return f"run {run.id} ({date(run)})"


def headline(trend: Trend) -> str:
    """How many runs, from when to when."""
    first, last = trend.runs[0], trend.runs[-1]
    runs = quantity(len(trend.runs), "run")
    return f"{runs}, {date(first)} to {date(last)}"


def state(trend: Trend, variant: VariantTrend) -> str:
    """How a variant stands now; empty where nothing ever judged it."""
    if variant.first_bad is not None:
        bad = variant.first_bad.index
        failing = len(trend.runs) - bad
        return f"FAILED since {night(trend.runs[bad])}, {quantity(failing, 'run')}"
    last = [each.values for each in variant.series if each.metric == "verdict"]
    known = [value for values in last for value in values if value is not None]
    return _verdict(known[-1]) if known else ""


def moves(variant: VariantTrend, turn: Turn) -> Iterator[str]:
    """What moved at a run: ``accuracy 96.7 % -> 92.1 % (worse)``."""
    for series in variant.series:
        for change in series.changes:
            if change.index == turn.index:
                pair = (change.before, change.after)
                yield moved(series.metric, *pair, better=change.better)


def moved(metric: str, before: float, after: float, *, better: bool) -> str:
    """A metric's way from one value to another."""
    word = "better" if better else "worse"
    then, now = shown(metric, before), shown(metric, after)
    return f"{label(metric)} {then} -> {now} ({word})"


def causes(turn: Turn) -> tuple[str, ...]:
    """What differs there, a phrase each; says so where nothing does."""
    if not turn.differences:
        return ("nothing that is on record changed",)
    return tuple(map(_difference, turn.differences))


def accepted(trend: Trend) -> str:
    """Which run later ones are held against; empty where none is."""
    for since in trend.since:
        if since.title == "accepted":
            return f"accepted: {night(since.run)}"
    last = trend.runs[-1]
    return f"accepted: {night(last)}, the newest" if last.accepted else ""


def against(since: Since) -> str:
    """What the newest run is held against."""
    which = "the accepted run" if since.title == "accepted" else one_line(since.title)
    return f"against {which}, {night(since.run)}"


def is_bad(run: RunFacts) -> bool:
    """Whether a run failed or could not be judged."""
    return run.verdict in _BAD


def _difference(found: Difference) -> str:
    what = one_line(found.what)
    if what == "CPU flags":
        lost = [f"-{flag}" for flag in (found.before or "").split()]
        gained = [f"+{flag}" for flag in (found.after or "").split()]
        return shorten(f"{what} {' '.join([*lost, *gained])}", 2 * _MAX_FACT)
    return f"{what} {_fact(found.before)} -> {_fact(found.after)}"


def _fact(value: str | None) -> str:
    if value is None:
        return "unknown"
    plain = one_line(value)
    base, dirty, _ = plain.partition("+dirty")
    is_digest = len(base) >= 40 and set(base) <= set("0123456789abcdef")
    return base[:_DIGEST] + dirty if is_digest else shorten(plain, _MAX_FACT)
