"""1,000 classes and 1,000,000 samples: confusion, flips, flows and per-class tests.

    python -m benchmarks.many_classes

tells the seconds of one pass against those of ``numpy.bincount`` over the same labels
and predictions, and the memory at its peak, and fails beyond 3 x bincount + 2 s or
300 MB.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fresh import fresh, own_peak_megabytes
from benchmarks.progress import alone
from benchmarks.tables import count, short, table
from harness.comparison.decided import DecisionCounts
from harness.gate.classes import judge_classes
from harness.gate.criteria import default_gate

if TYPE_CHECKING:
    from benchmarks.progress import Say

MOST_MB = 300
_BATCH = 4_096


@dataclass(frozen=True)
class Sizes:
    """How many classes and samples."""

    classes: int = 1_000
    samples: int = 1_000_000


QUICK = Sizes(100, 10_000)


@dataclass(frozen=True)
class Figures:
    """What one pass and the tests behind it took.

    Attributes:
        classes: How many.
        samples: How many.
        flipped: Samples whose decision changed.
        bincount: Seconds of ``numpy.bincount`` alone.
        passed: Seconds of the pass.
        tested: Seconds of the per-class tests behind it.
        peak: Memory of the process, in MB.
    """

    classes: int
    samples: int
    flipped: int
    bincount: float
    passed: float
    tested: float
    peak: float

    @property
    def is_bounded(self) -> bool:
        """Whether time and memory stayed within their bounds."""
        quick = self.passed + self.tested <= 3 * self.bincount + 2
        return quick and self.peak <= MOST_MB


def measure(sizes: Sizes, say: Say) -> Figures:
    say(f"{sizes.classes:,} classes, {sizes.samples:,} samples")
    asked = {"n_classes": sizes.classes, "n": sizes.samples}
    return Figures(sizes.classes, sizes.samples, *fresh(counted, **asked))


def counted(n_classes: int, n: int) -> tuple[int, float, float, float, float]:
    """What `Figures` holds beside the sizes, of work in this process."""
    labels, old, new, margins = _data(n_classes, n)
    bare = _bincount_seconds(labels, old, new, n_classes)
    start = time.perf_counter()
    counts = DecisionCounts([f"class {i}" for i in range(n_classes)])
    for at in range(0, n, _BATCH):
        rows = slice(at, at + _BATCH)
        moved = old[rows] != new[rows]
        counts.update(old[rows], new[rows], labels[rows], margins[rows][moved])
    passed = time.perf_counter()
    found = counts.result()
    assert found is not None
    judge_classes(found.per_class, default_gate("quantized"))
    tested = time.perf_counter() - passed
    peak = own_peak_megabytes()
    return found.n_flipped, bare, passed - start, tested, peak


def _data(n_classes: int, n: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(0)
    labels = random.integers(0, n_classes, n)
    old = np.where(random.random(n) < 0.8, labels, (labels + 1) % n_classes)
    moved = random.random(n) < 0.05
    new = np.where(moved, random.integers(0, n_classes, n), old)
    return labels, old, new, random.random(n)


def _bincount_seconds(
    labels: np.ndarray, old: np.ndarray, new: np.ndarray, n_classes: int
) -> float:
    start = time.perf_counter()
    for side in (old, new):
        np.bincount(labels * n_classes + side, minlength=n_classes * n_classes)
    return time.perf_counter() - start


def tables(figures: Figures) -> str:
    columns = (
        *("classes", "samples", "flips", "bincount s"),
        *("one pass s", "per-class tests s", "peak MB"),
    )
    sizes = (figures.classes, figures.samples, figures.flipped)
    seconds = (figures.bincount, figures.passed, figures.tested)
    peak = f"{figures.peak:.0f}"
    return table(columns, [(*map(count, sizes), *map(short, seconds), peak)])


if __name__ == "__main__":
    sys.exit(not alone(Sizes, measure, tables).is_bounded)
