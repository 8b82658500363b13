"""How a run grows: with workers, samples, classes, variants; and its page.

    python benchmarks/scaling.py

Each figure is of a fresh process; memory is its peak. Workers: the same suite on one
core in one process, and on two cores by two workers, sessions of one thread. Samples,
classes and variants are replays of made-up answers: what is left is the harness's own
work.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from workloads import images, own_peak_kilobytes, write_suite

from harness.core.provenance import digest_of
from harness.core.specs import RunOptions
from harness.golden.record import RecordingWriter
from harness.golden.schema import Recording
from harness.pipeline import evaluate
from harness.report.html import render_html

if TYPE_CHECKING:
    from harness.core.protocols import IntArray

_BLOCK = 100_000
_NUMBERS = 20_000_000


@dataclass(frozen=True)
class Figures:
    """What a run took: seconds, megabytes at its peak, and those of its page."""

    seconds: float
    peak: float
    render: float
    page: float


def main() -> None:
    arguments = _arguments()
    if arguments.one is not None:
        os.sched_setaffinity(0, arguments.cores)
        _one(arguments.one, arguments.engine, arguments.workers)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _workers(place, arguments.large)
        _samples(place, arguments.most)
        _classes(place)
        _variants(place)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--large", type=int, default=2_000, help="large-output samples")
    parser.add_argument("--most", type=int, default=10_000_000, help="samples at most")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--engine", default="local", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args()


def _one(suite: Path, engine: str, workers: int) -> None:
    """Run a suite in this process, and print what it took."""
    options = RunOptions(
        isolation="none", diagnose=False, engine=engine, workers=workers
    )
    started = time.perf_counter()
    report = evaluate(suite, options)
    evaluated = time.perf_counter()
    page = len(render_html(report).encode())
    rendered = time.perf_counter()
    peak = own_peak_kilobytes() / 1024
    figures = evaluated - started, peak, rendered - evaluated, page / 1e6
    print(json.dumps(figures))


def _run(
    suite: Path, engine: str = "local", workers: int = 1, cores: int = 0
) -> Figures:
    """Run a suite in a process of its own; 0 cores are all of them."""
    mine = sorted(os.sched_getaffinity(0))
    own = str(mine[: cores or len(mine)])
    command = [sys.executable, __file__, "--one", str(suite), "--engine", engine]
    command += ["--workers", str(workers), "--cores", own]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return Figures(*json.loads(done.stdout.splitlines()[-1]))


def _workers(place: Path, n: int) -> None:
    suite = write_suite(images(place, n, 4), place / "large")
    alone = _run(suite, cores=1)
    print("| who runs the parts | cores | s | faster |\n|---|--:|--:|--:|")
    print(f"| one process | 1 | {alone.seconds:.2f} | |", flush=True)
    for engine, shown in (("local", "2 workers"), ("dask", "dask, 2 workers")):
        found = _run(suite, engine, 2)
        faster = alone.seconds / found.seconds
        print(f"| {shown} | 2 | {found.seconds:.2f} | {faster:.2f} |", flush=True)


def _samples(place: Path, most: int) -> None:
    print("\n| samples | s | µs a sample | peak MB |\n|--:|--:|--:|--:|")
    n = 1_000
    while n <= most:
        found = _run(_replays(place / f"samples-{n}", n, 10, 2))
        a_sample = 1e6 * found.seconds / n
        print(f"| {n:,} | {found.seconds:.2f} | {a_sample:.1f} | {found.peak:.0f} |")
        sys.stdout.flush()
        n *= 10


def _classes(place: Path) -> None:
    print("\n| classes | s | peak MB | page s | page MB |\n|--:|--:|--:|--:|--:|")
    for n_classes in (10, 100, 1_000, 10_000):
        found = _run(_replays(place / f"classes-{n_classes}", 20_000, n_classes, 2))
        print(
            f"| {n_classes:,} | {found.seconds:.2f} | {found.peak:.0f} |"
            f" {found.render:.2f} | {found.page:.2f} |",
            flush=True,
        )


def _variants(place: Path) -> None:
    print("\n| variants | s | peak MB | page s | page MB |\n|--:|--:|--:|--:|--:|")
    for n_variants in (2, 4, 8, 16):
        suite = _replays(place / f"variants-{n_variants}", 50_000, 100, n_variants)
        found = _run(suite)
        print(
            f"| {n_variants} | {found.seconds:.2f} | {found.peak:.0f} |"
            f" {found.render:.2f} | {found.page:.2f} |",
            flush=True,
        )


def _replays(place: Path, n: int, n_classes: int, n_variants: int) -> Path:
    """A suite of recordings: made-up scores, a little other in each variant."""
    place.mkdir()
    labels = np.random.default_rng(0).integers(0, n_classes, n)
    x = np.arange(n, dtype=np.float32)[:, None]
    np.savez(place / "data.npz", x=x, label=labels)
    kinds = ["original"] + ["converted"] * (n_variants - 1)
    variants = [
        f'[[variant]]\nname = "v{index}"\nkind = "{kind}"\n'
        f'path = "recorded/v{index}"\nbackend = "replay"\n'
        for index, kind in enumerate(kinds)
    ]
    file = place / "quality.toml"
    file.write_text(
        '[suite]\nname = "replays"\ntask = "classification"\nreference = "v0"\n'
        '[golden]\ndata = "data.npz"\n' + "".join(variants)
    )
    for seed in range(n_variants):
        _record(place / "recorded" / f"v{seed}", seed, labels, n_classes)
    return file


def _record(folder: Path, seed: int, labels: IntArray, n_classes: int) -> None:
    folder.mkdir(parents=True)
    known = Recording(folder.name, digest_of(folder.name), "", "", 32)
    block = max(1, min(_BLOCK, _NUMBERS // n_classes))
    with RecordingWriter(folder, known) as writer:
        for start in range(0, len(labels), block):
            part = labels[start : start + block]
            shape = len(part), n_classes
            scores = np.random.default_rng(start).random(shape, np.float32) * 0.1
            scores[np.arange(len(part)), part] += 0.09
            noise = np.random.default_rng((seed, start)).random(shape, np.float32)
            writer.append({"scores": scores + np.float32(1e-6 * seed) * noise})


if __name__ == "__main__":
    main()
