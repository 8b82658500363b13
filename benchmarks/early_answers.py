"""What a time budget costs in errors and saves in samples, on simulated releases.

    python -m benchmarks.early_answers

Nothing is run but the plan of looks and the gate's own rules, on decisions that are
drawn: each release is judged once on all of its samples, and once as a run with a
budget without end does, which stops as soon as every check is decided. The table of
docs/gate.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.gate_errors import rate, record
from benchmarks.progress import alone
from benchmarks.tables import table
from harness.core.results import Histogram, OutputComparison
from harness.gate import Look, Spending, default_gate, is_decided, judge
from harness.pipeline.early import marks
from harness.run import Deck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from benchmarks.progress import Say
    from harness.core.results import VariantResult

_LIMITS = default_gate("quantized")
_STEP = 32


@dataclass(frozen=True)
class Sizes:
    """How many releases of each kind."""

    suites: int = 200


QUICK = Sizes(1)


@dataclass(frozen=True)
class World:
    """A kind of releases.

    Attributes:
        classes: How many, of one size.
        samples: In all of them.
        ordered: Whether classes lie one behind the other, or mixed.
        drop: True drop of the first class's recall.
        moving: Share of samples that any quantization moves, to either side.
    """

    classes: int
    samples: int
    ordered: bool
    drop: float = 0.0
    moving: float = 0.01


@dataclass(frozen=True)
class Release:
    """What was drawn: one entry a sample."""

    labels: np.ndarray
    right: np.ndarray
    lost: np.ndarray
    won: np.ndarray


@dataclass(frozen=True)
class Row:
    """What became of releases of one kind.

    Attributes:
        world: Their kind.
        failed: Judged on all samples.
        early: Failed, judged as they came.
        other: Another verdict than on all samples.
        used: Share of the samples that was seen.
    """

    world: World
    failed: int
    early: int
    other: int
    used: float


@dataclass(frozen=True)
class Figures:
    """So many releases of every kind."""

    suites: int
    rows: tuple[Row, ...]


def measure(sizes: Sizes, say: Say) -> Figures:
    random = np.random.default_rng(20_302)
    rows = []
    for world in _worlds():
        say(f"drop of {world.drop:.0%}, {world.classes} classes, {world.samples:,}")
        rows.append(_row(random, world, sizes.suites))
    return Figures(sizes.suites, tuple(rows))


def _worlds() -> Iterator[World]:
    for drop in (0.0, 0.05, 0.1, 0.3, 0.02):
        for classes, samples in ((10, 2_000), (10, 50_000), (100, 50_000)):
            for ordered in (True,) if drop else (False, True):
                yield World(classes, samples, ordered, drop)


def _row(random: Generator, world: World, suites: int) -> Row:
    """Both ways to judge the same releases."""
    whole, early, other, used = 0, 0, 0, 0.0
    for index in range(suites):
        release = _drawn(random, world)
        by_all = _verdict(_judged(release, slice(None), Look(1, 1)))
        by_looks, share = _stopped(release, world, str(index))
        whole += by_all == "failed"
        early += by_looks == "failed"
        other += by_all != by_looks
        used += share
    return Row(world, whole, early, other, used / suites)


def _drawn(random: Generator, world: World) -> Release:
    labels = np.arange(world.samples) * world.classes // world.samples
    if not world.ordered:
        labels = random.permutation(labels)
    right = random.random(world.samples) < 0.9
    chance = random.random(world.samples)
    # As many are lost as are won on the average: nothing changed but single samples.
    lose = world.moving / 2 / 0.9 + (labels == 0) * world.drop / 0.9
    lost = right & (chance < lose)
    won = ~right & (chance < world.moving / 2 / 0.1)
    return Release(labels, right, lost, won)


def _stopped(release: Release, world: World, seed: str) -> tuple[str, float]:
    """The verdict where every check was decided, and the share that was seen."""
    deck = Deck(world.samples, _STEP, seed)
    plan = marks(world.samples, deck.rows)
    spending = Spending(len(plan))
    seen: list[np.ndarray] = []
    before = 0
    for index, mark in enumerate(plan):
        seen += (np.arange(s.start, s.stop) for s in deck.spans(before, mark))
        rows, before = np.concatenate(seen), mark
        look = spending.early(index, len(rows), world.samples)
        judged = _judged(release, rows, look)
        if look.whole or is_decided(judged):
            break
    return _verdict(judged), len(rows) / world.samples


def _judged(release: Release, rows: slice | np.ndarray, look: Look) -> VariantResult:
    labels = release.labels[rows]
    width = int(release.labels.max()) + 1
    counts = [
        np.bincount(labels, chosen, width).astype(np.int64)
        for chosen in (
            np.ones(len(labels)),
            release.right[rows],
            release.lost[rows],
            release.won[rows],
        )
    ]
    found = replace(record(*counts), outputs=(_finite(len(labels)),))
    limits = look.limits(_LIMITS)
    return look.doubted(judge(found, limits, ()), limits)


def _finite(n: int) -> OutputComparison:
    """An output without a number that is not finite."""
    return OutputComparison(
        *("scores", "scores", n, 0, 0, 0.1, 0.01, 0.02, 0.1, 40.0, 1.0, 1.0, 0.02),
        *(None, None, None, 0.0, 0.0, Histogram((0.0, 1.0), (n,))),
    )


def _verdict(judged: VariantResult) -> str:
    return str(judged.verdict)


def tables(figures: Figures) -> str:
    columns = (
        *("true drop", "classes", "samples", "<order", "failed by all"),
        *("failed early", "another answer", "samples used"),
    )
    return table(columns, (_cells(row, figures.suites) for row in figures.rows))


def _cells(row: Row, suites: int) -> tuple[str, ...]:
    world = row.world
    drop = f"{100 * world.drop:.0f} points in one class" if world.drop else "none"
    order = "by class" if world.ordered else "mixed"
    rates = (rate(n, suites) for n in (row.failed, row.early, row.other))
    about = drop, str(world.classes), f"{world.samples:,}", order
    return *about, *rates, f"{row.used:.0%}"


if __name__ == "__main__":
    alone(Sizes, measure, tables)
