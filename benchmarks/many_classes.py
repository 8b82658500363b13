"""1,000 classes and 1,000,000 samples: confusion, flips, flows and per-class tests.

    python benchmarks/many_classes.py

prints the seconds of one pass against those of ``numpy.bincount`` over the same labels
and predictions, and the memory at its peak, and fails beyond 3 x bincount + 2 s or
300 MB.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from harness.comparison.decided import DecisionCounts
from harness.gate.classes import judge_classes
from harness.gate.criteria import default_gate

CLASSES = 1_000
SAMPLES = 1_000_000
BATCH = 4_096
MOST_MB = 300


def main() -> int:
    """Measure, print, and tell whether it stayed within bounds."""
    labels, old, new, margins = _data()
    counted = _bincount_seconds(labels, old, new)
    start = time.perf_counter()
    counts = DecisionCounts([f"class {i}" for i in range(CLASSES)])
    for at in range(0, SAMPLES, BATCH):
        rows = slice(at, at + BATCH)
        moved = old[rows] != new[rows]
        counts.update(old[rows], new[rows], labels[rows], margins[rows][moved])
    passed = time.perf_counter() - start
    found = counts.result()
    assert found is not None
    judged = judge_classes(found.per_class, default_gate("quantized"))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    failed = sum(one.verdict == "fail" for one in judged)
    print(
        f"bincount {counted:.3f} s, one pass {passed:.3f} s, with tests {seconds:.3f} s"
    )
    print(f"peak {peak:.0f} MB; {found.n_flipped:,} flips, {failed} classes fail")
    return int(seconds > 3 * counted + 2 or peak > MOST_MB)


def _data() -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, SAMPLES)
    old = np.where(random.random(SAMPLES) < 0.8, labels, (labels + 1) % CLASSES)
    moved = random.random(SAMPLES) < 0.05
    new = np.where(moved, random.integers(0, CLASSES, SAMPLES), old)
    return labels, old, new, random.random(SAMPLES)


def _bincount_seconds(labels: np.ndarray, old: np.ndarray, new: np.ndarray) -> float:
    start = time.perf_counter()
    for side in (old, new):
        np.bincount(labels * CLASSES + side, minlength=CLASSES * CLASSES)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
