"""What the harness costs over the bare onnxruntime loop, in one run.

    python benchmarks/overhead.py

Each case runs the same two models over the same samples in the same batches, bare
and through the harness, in turn. The ratio is taken pair by pair and its median
printed; seconds are shown for orientation only. "pass" is reading, preprocessing,
inference and all comparisons, in one process; "gate" is the whole evaluation: also
opening and hashing files, weight statistics, verdicts and the report's HTML; in one
process, and as it is run by default, each variant in a process of its own that is
started first. Peak memory is that of a gate in one process, measured in a fresh one.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from workloads import (
    Case,
    bare_loop,
    bare_sessions,
    digits,
    images,
    in_turn,
    own_peak_kilobytes,
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


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if arguments.peak is not None:
            _gate(arguments.peak, RunOptions(isolation="none"))
            print(own_peak_kilobytes())
            return
        _print_ratios(place, arguments.samples, arguments.large, arguments.rounds)
        _print_memory(place, arguments.samples)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000, help="large-output samples")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _print_ratios(place: Path, samples: int, large: int, rounds: int) -> None:
    cases = (
        digits(samples, 50),
        digits(samples, 1),
        images(place, large, 4),
    )
    print("| case | samples | batch | bare s | pass | gate in one process | gate |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for case in cases:
        suite = write_suite(case, place / case.name.replace(" ", "-"))
        bare, passed, alone, gated = in_turn(
            rounds,
            lambda case=case: _bare(case),
            lambda suite=suite: _pass(suite),
            lambda suite=suite: _gate(suite, RunOptions(isolation="none")),
            lambda suite=suite: _gate(suite),
        )
        print(
            f"| {case.name} | {len(case.samples):,} | {case.batch} "
            f"| {statistics.median(bare):.2f} "
            f"| {ratio(passed, bare):.3f} | {ratio(alone, bare):.3f} "
            f"| {ratio(gated, bare):.3f} |",
            flush=True,
        )


def _print_memory(place: Path, samples: int) -> None:
    few, many = samples // 10, samples
    suites = [write_suite(digits(n, 50), place / str(n)) for n in (few, many)]
    peaks = [_peak_megabytes(suite) for suite in suites]
    print(f"\n| samples | peak memory |\n|--:|--:|\n| {few:,} | {peaks[0]:.0f} MB |")
    print(f"| {many:,} | {peaks[1]:.0f} MB |")


def _bare(case: Case) -> None:
    bare_loop(case, bare_sessions(case.models))


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


def _peak_megabytes(suite: Path) -> float:
    command = [sys.executable, __file__, "--peak", str(suite)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


if __name__ == "__main__":
    main()
