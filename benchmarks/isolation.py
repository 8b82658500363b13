"""What a process of its own costs a variant, over the bare onnxruntime loop.

    python -m benchmarks.isolation

The same models answer the same samples in the same batches: in a bare loop, in a pass
of the harness in its own process, and in a pass with a process a variant, in turn.
"one" is a single model and no comparison; "two" is a reference and a candidate, held
against each other. Ratios to the bare loop are taken round by round, and their medians
printed; "best" is the ratio of the fastest rounds, for a machine that others use too.
Models and data are open before the clock starts; opening has a table of its own.
The peak memory is the harness's own process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fresh import fresh, own_peak_megabytes
from benchmarks.workloads import (
    DIGITS,
    bare_loop,
    bare_sessions,
    digits,
    images,
    in_turn,
    ratio,
    write_suite,
)
from harness.core.specs import RunOptions
from harness.golden.source import open_golden
from harness.pipeline.crews import LocalCrew, whole_pass
from harness.pipeline.opening import isolated
from harness.suite import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.specs import Isolation

FORMS = ("digits.onnx", "digits.tflite", "frozen.pb", "savedmodel", "digits.keras")


def main() -> None:
    arguments = _arguments()
    print(f"{os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _print_ratios(place, arguments)
        _print_openings(place, arguments.rounds)
        _print_memory(place, arguments.samples)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000, help="large-output samples")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _print_ratios(place: Path, arguments: argparse.Namespace) -> None:
    cases = (
        digits(arguments.samples, 50),
        digits(arguments.samples, 1),
        images(place, arguments.large, 4),
    )
    print("| case | models | bare s | in-process / bare | processes / bare | best |")
    print("|---|--:|--:|--:|--:|--:|")
    for case in cases:
        file = write_suite(case, place / case.name.replace(" ", "-"))
        for n in (1, 2):
            with ExitStack() as stack:
                sessions = bare_sessions(case.models[:n])
                bare, inside, outside = in_turn(
                    arguments.rounds,
                    lambda case=case, sessions=sessions: bare_loop(case, sessions),
                    _pass(file, "none", n, stack),
                    _pass(file, "process", n, stack),
                )
            print(
                f"| {case.name} | {n} | {statistics.median(bare):.2f} "
                f"| {ratio(inside, bare):.3f} | {ratio(outside, bare):.3f} "
                f"| {min(outside) / min(bare):.3f} |",
                flush=True,
            )


def _pass(
    file: Path, isolation: Isolation, n: int, stack: ExitStack
) -> Callable[[], None]:
    """A pass over the golden data; its models are open, until the stack closes."""
    suite = isolated(load_suite(file), isolation)
    suite = replace(suite, variants=suite.variants[:n])
    source = open_golden(suite.golden)
    crew = LocalCrew(suite, source, RunOptions(missing="fail"), {})
    stack.callback(crew.close)

    def run() -> None:
        state = whole_pass(suite, source, crew, {})
        for candidate in state.candidates.values():
            assert candidate.result() is not None

    return run


def _print_openings(place: Path, rounds: int) -> None:
    """Seconds from nothing to the answers of a suite of two variants of one form."""
    print("\n| form | new harness s | two processes s | closing s |\n|---|--:|--:|--:|")
    case = digits(50, 50)
    for form in FORMS:
        models = (DIGITS / "models" / form,) * 2
        file = write_suite(replace(case, models=models), place / form)
        fresh, opening, closings = [], [], []
        for _ in range(rounds):
            fresh.append(_fresh("none", file)[0])
            started = time.perf_counter()
            with ExitStack() as stack:
                _pass(file, "process", 2, stack)()
                opening.append(time.perf_counter() - started)
                ended = time.perf_counter()
            closings.append(time.perf_counter() - ended)
        medians = map(statistics.median, (fresh, opening, closings))
        print(f"| {form} | " + " | ".join(f"{s:.2f}" for s in medians) + " |")


def _print_memory(place: Path, samples: int) -> None:
    print("\n| samples | peak memory |\n|--:|--:|")
    for n in (samples // 10, samples):
        file = write_suite(digits(n, 50), place / str(n))
        print(f"| {n:,} | {_fresh('process', file)[1]:.0f} MB |", flush=True)


def _fresh(isolation: Isolation, file: Path) -> tuple[float, float]:
    """Seconds and peak memory, in MB, of a new Python for one pass."""
    started = time.perf_counter()
    peak = fresh(peak_megabytes, isolation=isolation, file=str(file))
    return time.perf_counter() - started, peak


def peak_megabytes(isolation: Isolation, file: str) -> float:
    """Of this process, after a pass in it."""
    with ExitStack() as stack:
        _pass(Path(file), isolation, 2, stack)()
        return own_peak_megabytes()


if __name__ == "__main__":
    main()
