"""Kills runs at random moments, and sees that the next one finishes as if nothing was.

    python -m benchmarks.killed --kills 50

Each run is killed with all that it has done in a cache of its own; whoever it started
must end (and the memory that they share, which has no name, with them), the cache must
be sound, and the run after it must come to the report of an undisturbed one, without
what was computed before being computed again.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.progress import alone
from benchmarks.tables import count, table
from benchmarks.workloads import digits, write_suite
from harness.cache import Store

if TYPE_CHECKING:
    from benchmarks.progress import Say

PATIENCE = 10.0


@dataclass(frozen=True)
class Sizes:
    """How many kills, of runs over how many samples."""

    kills: int = 50
    samples: int = 60_000


QUICK = Sizes(2, 2_000)


@dataclass(frozen=True)
class Figures:
    """What came of runs that were killed.

    Attributes:
        kills: How many.
        undisturbed: Seconds of a run that nobody kills.
        same: Runs after a kill that came to the undisturbed report.
        damaged: Entries of caches that were damaged.
        processes: Processes that killed runs had started; all of them ended.
    """

    kills: int
    undisturbed: float
    same: int
    damaged: int
    processes: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost."""
        return self.same == self.kills and not self.damaged


@dataclass(frozen=True)
class _Kill:
    processes: int
    damaged: int
    same: bool


def measure(sizes: Sizes, say: Say) -> Figures:
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        suite = write_suite(digits(sizes.samples, 50), place)
        started = time.perf_counter()
        expected = _finished(suite, place / "undisturbed")
        took = time.perf_counter() - started
        kills = []
        for index in range(sizes.kills):
            moment = chance.uniform(0, took)
            say(f"{index + 1} of {sizes.kills}, killed after {moment:.2f} s")
            kills.append(_kill(suite, place / f"cache-{index}", moment, expected))
        return Figures(
            sizes.kills,
            took,
            sum(kill.same for kill in kills),
            sum(kill.damaged for kill in kills),
            sum(kill.processes for kill in kills),
        )


def _kill(suite: Path, cache: Path, moment: float, expected: Any) -> _Kill:
    left = _killed(suite, cache, moment)
    _wait_for_the_end_of(left)
    damaged = len(Store(cache).verify())
    same = _finished(suite, cache) == expected
    return _Kill(len(left), damaged + len(Store(cache).verify()), same)


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


def tables(figures: Figures) -> str:
    columns = (
        *("runs killed", "the same report after", "damaged entries"),
        "their processes, all ended",
    )
    found = (figures.kills, figures.same, figures.damaged, figures.processes)
    return table(columns, [tuple(map(count, found))])


if __name__ == "__main__":
    sys.exit(not alone(Sizes, measure, tables).is_sound)
