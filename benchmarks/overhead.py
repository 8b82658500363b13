"""What the harness costs over the bare onnxruntime loop, in one run.

    python -m benchmarks.overhead

Each case runs the same two models over the same samples in the same batches, bare
and through the harness, in turn. The ratio is taken pair by pair and its median
told; seconds are for orientation only. "pass" is reading, preprocessing, inference
and all comparisons, in one process; "gate" is the whole evaluation: also opening and
hashing files, weight statistics, verdicts and the report's HTML; in one process, and
as it is run by default, each variant in a process of its own that is started first.
Peak memory is that of a gate in one process, measured in a fresh one.
"""

from __future__ import annotations

import statistics
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fresh import fresh, own_peak_megabytes
from benchmarks.progress import alone
from benchmarks.tables import count, held, short, table
from benchmarks.workloads import (
    Case,
    bare_loop,
    bare_sessions,
    classifier,
    digits,
    in_turn,
    ratio,
    write_suite,
)
from harness.core.specs import RunOptions
from harness.golden.source import open_golden
from harness.pipeline import evaluate
from harness.pipeline.crews import LocalCrew, whole_pass
from harness.pipeline.opening import isolated
from harness.report.html import render_html
from harness.suite import load_suite

if TYPE_CHECKING:
    from benchmarks.progress import Say
    from benchmarks.workloads import Job

AIM, AIM_ONE_BY_ONE = 1.03, 1.2
AIMED_FROM = 10_000
_COLUMNS = (
    *("<case", "samples", "batch", "bare s"),
    *("pass", "gate in one process", "gate", "aim"),
)


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        samples: Digits in the smaller cases.
        many: Digits in the larger one.
        classified: Samples of the classifier.
        rounds: How often each case is timed.
        long_rounds: How often those are whose loop takes long.
    """

    samples: int = 100_000
    many: int = 1_000_000
    classified: int = 10_000
    rounds: int = 5
    long_rounds: int = 3


QUICK = Sizes(2_000, 4_000, 100, 1, 1)


@dataclass(frozen=True)
class Row:
    """A case: seconds of its bare loop, and how many times as long ours took.

    Attributes:
        case: Its name.
        samples: How many.
        batch: Samples a call.
        bare: Seconds of the loop.
        passed: Of a pass in one process, to the loop.
        alone: Of a gate in one process, to the loop.
        gated: Of a gate as it runs by default, to the loop.
    """

    case: str
    samples: int
    batch: int
    bare: float
    passed: float
    alone: float
    gated: float

    @property
    def aim(self) -> float:
        """What a gate should take at most, to the loop."""
        return AIM if self.batch > 1 else AIM_ONE_BY_ONE

    @property
    def is_aimed(self) -> bool:
        """Whether it has samples enough for the aim to hold."""
        return self.samples >= AIMED_FROM


@dataclass(frozen=True)
class Peak:
    """Peak memory of a gate in one process, in MB."""

    samples: int
    megabytes: float


@dataclass(frozen=True)
class Figures:
    """Every case, and memory where it was measured."""

    rows: tuple[Row, ...]
    peaks: tuple[Peak, ...] = ()


def measure(sizes: Sizes, say: Say) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cases = (
            (sizes.long_rounds, partial(digits, sizes.many, 50)),
            (sizes.rounds, partial(digits, sizes.samples, 50)),
            (sizes.rounds, partial(digits, sizes.samples, 1)),
            (sizes.long_rounds, partial(classifier, place, sizes.classified, 50)),
        )
        rows = tuple(_row(place, make(), rounds, say) for rounds, make in cases)
        few, many = sizes.samples // 10, sizes.samples
        return Figures(rows, tuple(_peak(place, n, say) for n in (few, many)))


def _row(place: Path, case: Case, rounds: int, say: Say) -> Row:
    say(f"{case.name}, {len(case.samples):,} samples, {rounds} rounds")
    suite = write_suite(case, place / f"{case.name}-{len(case.samples)}")
    return row_of(case, in_turn(rounds, *jobs_of(case, suite)))


def row_of(case: Case, seconds: list[list[float]]) -> Row:
    """What `jobs_of` took, in rounds."""
    bare, *ours = seconds
    ratios = (ratio(theirs, bare) for theirs in ours)
    median = statistics.median(bare)
    return Row(case.name, len(case.samples), case.batch, median, *ratios)


def jobs_of(case: Case, suite: Path) -> tuple[Job, ...]:
    """The bare loop, a pass, a gate in one process, a gate as it runs by default."""
    return (
        lambda: bare_loop(case, bare_sessions(case.models)),
        lambda: _pass(suite),
        lambda: _gate(suite, RunOptions(isolation="none")),
        lambda: _gate(suite),
    )


def _pass(file: Path) -> None:
    suite = isolated(load_suite(file), "none")
    source = open_golden(suite.golden)
    with closing(LocalCrew(suite, source, RunOptions(missing="fail"), {})) as crew:
        state = whole_pass(suite, source, crew, {})
        for candidate in state.candidates.values():
            assert candidate.result() is not None


def _gate(file: Path, options: RunOptions | None = None) -> None:
    report = evaluate(file, options)
    assert report.verdict == "passed", report
    render_html(report)


def _peak(place: Path, n: int, say: Say) -> Peak:
    say(f"memory with {n:,} samples")
    suite = write_suite(digits(n, 50), place / str(n))
    return Peak(n, fresh(peak_megabytes, suite=str(suite)))


def peak_megabytes(suite: str) -> float:
    """Of this process, after a gate in it."""
    _gate(Path(suite), RunOptions(isolation="none"))
    return own_peak_megabytes()


def ratios(figures: Figures) -> str:
    """Cases against the bare loop; bold is what is beyond its aim."""
    return table(_COLUMNS, map(_cells, figures.rows))


def peaks(figures: Figures) -> str:
    """Memory by the number of samples."""
    rows = ((count(one.samples), f"{one.megabytes:.0f}") for one in figures.peaks)
    return table(("samples", "peak MB"), rows)


def _cells(row: Row) -> tuple[str, ...]:
    known = row.case, count(row.samples), str(row.batch), short(row.bare)
    most = row.aim if row.is_aimed else float("inf")
    gates = held(row.alone, most), held(row.gated, most)
    return *known, f"{row.passed:.2f}", *gates, f"≤ {row.aim}" * row.is_aimed


def tables(figures: Figures) -> str:
    return f"{ratios(figures)}\n\n{peaks(figures)}"


if __name__ == "__main__":
    alone(Sizes, measure, tables)
