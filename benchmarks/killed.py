"""Kills runs at random moments, and sees that the next one finishes as if nothing was.

    python benchmarks/killed.py --kills 50

Each run is killed with all that it has done in a cache of its own; whoever it started
must end, the cache must be sound, and the run after it must come to the report of an
undisturbed one, without what was computed before being computed again.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from workloads import Case, digits, write_suite

from harness.cache import Store

PATIENCE = 10.0


def main() -> None:
    arguments = _arguments()
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        case: Case = digits(arguments.samples, 50)
        suite = write_suite(case, place)
        started = time.perf_counter()
        expected = _finished(suite, place / "undisturbed")
        took = time.perf_counter() - started
        print(f"undisturbed: {took:.2f} s, {_count(place / 'undisturbed')} entries")
        shared = set(Path("/dev/shm").glob("*"))
        for index in range(arguments.kills):
            cache = place / f"cache-{index}"
            moment = chance.uniform(0, took)
            left = _killed(suite, cache, moment)
            _wait_for_the_end_of(left)
            kept = _count(cache)
            damaged = Store(cache).verify()
            same = _finished(suite, cache) == expected
            print(
                f"{index + 1:>3} killed after {moment:5.2f} s: {kept:>3} entries,"
                f" {len(left)} processes, {len(damaged)} damaged,"
                f" {'the same report' if same else 'ANOTHER REPORT'}",
                flush=True,
            )
            assert same
            assert not damaged
            assert Store(cache).verify() == ()
        print("left in /dev/shm:", sorted(set(Path("/dev/shm").glob("*")) - shared))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--samples", type=int, default=60_000)
    return parser.parse_args()


def _start(suite: Path, cache: Path) -> subprocess.Popen[bytes]:
    report = cache.with_suffix(".json")
    options = (f"--cache={cache}", "--json", str(report), "--no-diagnose")
    command = [sys.executable, "-m", "harness", "run", str(suite), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _finished(suite: Path, cache: Path) -> Any:
    """The report of a run to its end, without what may differ."""
    process = _start(suite, cache)
    assert process.wait() in (0, 1)
    record = json.loads(cache.with_suffix(".json").read_text())
    record.pop("provenance")
    for variant in record["variants"]:
        variant.pop("seconds_per_sample")
    return record


def _killed(suite: Path, cache: Path, moment: float) -> list[int]:
    process = _start(suite, cache)
    time.sleep(moment)
    left = _children_of(process.pid)
    process.kill()
    process.wait()
    return left


def _children_of(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    mine = [int(child) for child in text.split()]
    return mine + [theirs for child in mine for theirs in _children_of(child)]


def _wait_for_the_end_of(pids: list[int]) -> None:
    late = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < late, f"still there: {pids}"
        time.sleep(0.02)


def _count(cache: Path) -> int:
    return sum(1 for _ in Store(cache).entries())


if __name__ == "__main__":
    main()
