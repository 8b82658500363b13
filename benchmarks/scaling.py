"""How a run grows: with workers, samples, classes, variants; and its page.

    python -m benchmarks.scaling

Each figure is of a fresh process; memory is its peak. Workers: the same suite on one
core in one process, and on two cores by two workers, sessions of one thread. Samples,
classes and variants are replays of made-up answers: what is left is the harness's own
work. An answer is what a worker sends back for a block of parts.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.progress import alone
from benchmarks.recorded import replays
from benchmarks.runs import Run, megabytes_of_a_block, run
from benchmarks.tables import count, reached, short, table
from benchmarks.workloads import images, write_suite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.progress import Say

AIMS = {"local": 1.7, "dask": 1.6}
FLAT_MB = 30
BLOCK_VARIANTS = 20
FLAT_FROM = 10_000


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        large: Samples of large outputs that workers share.
        most: Samples at most, from 1,000 on.
        classes: Classes at most, from 10 on.
        classed: Samples of them.
        variants: Variants at most, from 2 on.
        varied: Samples of them.
        block: Samples of a block of parts, of 20 variants.
    """

    large: int = 10_000
    most: int = 10_000_000
    classes: int = 10_000
    classed: int = 20_000
    variants: int = 16
    varied: int = 50_000
    block: int = 524_288


QUICK = Sizes(24, 10_000, 100, 200, 4, 200, 5_000)


@dataclass(frozen=True)
class Shared:
    """Seconds of a run whose parts are shared by workers, on as many cores."""

    engine: str
    workers: int
    seconds: float

    @property
    def name(self) -> str:
        """Who runs the parts, in words."""
        workers = f"{self.workers} workers" if self.workers > 1 else "one process"
        return f"dask, {workers}" if self.engine == "dask" else workers

    @property
    def aim(self) -> float | None:
        """How many times as fast it should be as one process."""
        return AIMS[self.engine] if self.workers > 1 else None


@dataclass(frozen=True)
class Figures:
    """What grows with what.

    Attributes:
        large: Samples that workers shared.
        shared: By whom; one process first.
        samples: Runs of ever more samples, of 10 classes and two variants.
        classed: Samples of the runs of classes.
        classes: Runs of ever more classes, by two variants.
        varied: Samples of the runs of variants.
        variants: Runs of ever more variants, of 100 classes.
        answer: MB that a worker sends back for a block of parts, of 20 variants.
    """

    large: int
    shared: tuple[Shared, ...]
    samples: tuple[Run, ...]
    classed: int
    classes: tuple[Run, ...]
    varied: int
    variants: tuple[Run, ...]
    answer: float

    def faster(self, one: Shared) -> float:
        """How many times as fast as one process."""
        return self.shared[0].seconds / one.seconds

    @property
    def swing(self) -> float:
        """MB by which a peak parts most from that of 10,000 samples."""
        peaks = [run.peak for run in self.samples if run.n >= FLAT_FROM]
        return max(abs(peak - peaks[0]) for peak in peaks)


def measure(sizes: Sizes, say: Say) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return Figures(
            sizes.large,
            _shared(place, sizes.large, say),
            tuple(_samples(place, sizes.most, say)),
            sizes.classed,
            tuple(_classes(place, sizes, say)),
            sizes.varied,
            tuple(_variants(place, sizes, say)),
            _answer(place, sizes.block, say),
        )


def _shared(place: Path, n: int, say: Say) -> tuple[Shared, ...]:
    suite = write_suite(images(place, n, 4), place / "large")
    found = []
    for engine, workers in (("local", 1), ("local", 2), ("dask", 2)):
        say(f"{n:,} large outputs, workers: {engine}, {workers}")
        took = run(suite, n, engine=engine, workers=workers, cores=workers)
        found.append(Shared(engine, workers, took.seconds))
    return tuple(found)


def _samples(place: Path, most: int, say: Say) -> Iterator[Run]:
    n = 1_000
    while n <= most:
        say(f"{n:,} samples")
        yield run(replays(place / f"samples-{n}", n, 10, 2), n)
        n *= 10


def _classes(place: Path, sizes: Sizes, say: Say) -> Iterator[Run]:
    n = 10
    while n <= sizes.classes:
        say(f"{n:,} classes")
        yield run(replays(place / f"classes-{n}", sizes.classed, n, 2), n)
        n *= 10


def _variants(place: Path, sizes: Sizes, say: Say) -> Iterator[Run]:
    n = 2
    while n <= sizes.variants:
        say(f"{n} variants")
        yield run(replays(place / f"variants-{n}", sizes.varied, 100, n), n)
        n *= 2


def _answer(place: Path, n: int, say: Say) -> float:
    say(f"what a worker answers: {n:,} samples, {BLOCK_VARIANTS} variants")
    return megabytes_of_a_block(replays(place / "block", n, 10, BLOCK_VARIANTS))


def by_workers(figures: Figures) -> str:
    """One process and two workers; bold is what falls short of its aim."""
    columns = "<who runs the parts", "cores", "s", "faster", "aim"
    return table(columns, (_shared_cells(figures, one) for one in figures.shared))


def _shared_cells(figures: Figures, one: Shared) -> tuple[str, ...]:
    known = one.name, str(one.workers), short(one.seconds)
    if one.aim is None:
        return *known, "", ""
    return *known, reached(figures.faster(one), one.aim), f"≥ {one.aim}"


def by_samples(figures: Figures) -> str:
    columns = "samples, 10 classes", "s", "µs a sample", "peak MB"
    return table(columns, map(_sample_cells, figures.samples))


def _sample_cells(run: Run) -> tuple[str, ...]:
    each = short(1e6 * run.seconds / run.n)
    return count(run.n), short(run.seconds), each, f"{run.peak:.0f}"


def by_classes(figures: Figures) -> str:
    return _with_pages(f"classes, {figures.classed:,} samples", figures.classes)


def by_variants(figures: Figures) -> str:
    told = f"variants, {figures.varied:,} samples, 100 classes"
    return _with_pages(told, figures.variants)


def _with_pages(what: str, runs: tuple[Run, ...]) -> str:
    columns = what, "s", "peak MB", "page s", "page MB"
    return table(columns, map(_run_cells, runs))


def _run_cells(run: Run) -> tuple[str, ...]:
    page = f"{run.render:.2f}", f"{run.page:.2f}"
    return count(run.n), f"{run.seconds:.1f}", f"{run.peak:.0f}", *page


def tables(figures: Figures) -> str:
    shown = (by_workers, by_samples, by_classes, by_variants)
    told = f"a worker's answer for a block: {figures.answer:.1f} MB"
    return "\n\n".join([*(one(figures) for one in shown), told])


if __name__ == "__main__":
    alone(Sizes, measure, tables)
