"""How a suite went from run to run: frozen records, together one `Trend`.

Every record goes to JSON and back through `harness.core.codec`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.core.results import Verdict  # noqa: TC001 (the codec resolves it)
from harness.core.specs import Kind  # noqa: TC001 (likewise)

TREND_SCHEMA_VERSION = 1

Scale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run of the history.

    Attributes:
        id: Its number in the file, from 1.
        started: When, ISO 8601.
        verdict: Over all candidates.
        accepted: When somebody accepted it, ISO 8601; None where nobody did.
    """

    id: int
    started: str
    verdict: Verdict
    accepted: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact of provenance that was another in an earlier run.

    Attributes:
        what: The fact: ``model``, ``golden data``, ``package onnxruntime``, ...
        before: What it was; None where it was not known.
        after: What it is now; None where it is not known.
    """

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A metric's level moved, and stayed.

    Attributes:
        index: Place in `Trend.runs` of the first run at the new level.
        before: The level before, in the metric's unit.
        after: The level from there on.
        better: Whether that is to the good.
    """

    index: int
    before: float
    after: float
    better: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one variant over the runs.

    Attributes:
        metric: Its name, e.g. ``accuracy``.
        scale: The scale on which it varies.
        values: One a run of `Trend.runs`; None where it was not measured.
        noise: Its standard deviation from run to run on that scale (log: of log10).
        changes: Where its level moved, earliest first.
    """

    metric: str
    scale: Scale
    values: tuple[float | None, ...]
    noise: float
    changes: tuple[ChangePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A run from which on something is different, and what else was, then.

    Attributes:
        index: Place in `Trend.runs`.
        differences: Facts that differ from the run before in which the variant was
            measured; the likeliest cause first.
    """

    index: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class VariantTrend:
    """One variant over the runs.

    Attributes:
        name: As in the suite.
        kind: As in its last run.
        series: One a metric that was ever measured.
        turns: One a run at which a metric's level moved.
        first_bad: Where its present failing began; None while it does not fail.
    """

    name: str
    kind: Kind
    series: tuple[Series, ...]
    turns: tuple[Turn, ...] = ()
    first_bad: Turn | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A metric that is another now, by more than its noise."""

    variant: str
    metric: str
    before: float
    after: float
    better: bool


@dataclass(frozen=True, slots=True)
class Since:
    """The newest run against an earlier one.

    Attributes:
        title: Which one: ``accepted``, or how many nights back.
        run: The earlier run.
        moves: What moved by more than noise, trouble first.
    """

    title: str
    run: RunFacts
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """The runs of one suite: what every renderer of a history reads.

    Attributes:
        suite: The suite's name.
        runs: Earliest first.
        variants: In the order of the newest run; those that it lacks, after them.
        since: The newest run against the accepted one and against one nights back.
        notices: What a reader should know.
        schema_version: Of this record.
    """

    suite: str
    runs: tuple[RunFacts, ...]
    variants: tuple[VariantTrend, ...]
    since: tuple[Since, ...] = ()
    notices: tuple[str, ...] = ()
    schema_version: int = TREND_SCHEMA_VERSION
