"""Runs of suites in processes of their own, and what they took."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fresh import fresh, own_peak_megabytes
from harness.cache import freeze
from harness.core.specs import RunOptions
from harness.golden.source import open_golden
from harness.pipeline import evaluate
from harness.pipeline.crews import LocalCrew, whole_pass
from harness.pipeline.opening import isolated
from harness.report.html import render_html
from harness.suite import load_suite


@dataclass(frozen=True)
class Run:
    """What a run took.

    Attributes:
        n: Samples, classes or variants.
        seconds: From the suite to the report.
        peak: Memory of its process, in MB.
        render: Seconds that its page took.
        page: MB of the page.
    """

    n: int
    seconds: float
    peak: float
    render: float
    page: float


def run(
    suite: Path, n: int, *, engine: str = "local", workers: int = 1, cores: int = 0
) -> Run:
    """Run a suite on so many cores, 0 for all of them."""
    mine = sorted(os.sched_getaffinity(0))
    found = fresh(
        _run,
        suite=str(suite),
        engine=engine,
        workers=workers,
        cores=mine[: cores or len(mine)],
    )
    return Run(n, *found)


def _run(
    suite: str, engine: str, workers: int, cores: list[int]
) -> tuple[float, float, float, float]:
    """Run it in this process."""
    os.sched_setaffinity(0, cores)
    options = RunOptions(
        isolation="none", diagnose=False, engine=engine, workers=workers
    )
    started = time.perf_counter()
    report = evaluate(Path(suite), options)
    evaluated = time.perf_counter()
    page = len(render_html(report).encode())
    rendered = time.perf_counter()
    peak = own_peak_megabytes()
    return evaluated - started, peak, rendered - evaluated, page / 1e6


def megabytes_of_a_block(file: Path) -> float:
    """What a worker sends back for all samples of a suite, in MB."""
    suite = isolated(load_suite(file), "none")
    source = open_golden(suite.golden)
    with closing(LocalCrew(suite, source, RunOptions(), {})) as crew:
        return len(freeze(whole_pass(suite, source, crew, {}))) / 1e6
