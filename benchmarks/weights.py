"""Statistics of a large weight, beside plain numpy's and torch's, in one run.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.weights

One float32 tensor of 10,000 x 10,000, everything on one thread, in turn. "numpy" is
min, max, mean, std and np.histogram; "torch" is aminmax, std_mean and histc; "harness"
is all of `describe`: those, skewness, kurtosis, the smallest magnitude, sparsity,
quantiles, float16's losses, counts by power of two and channel ranges, with and without
numba. Times are medians of rounds in turn, of the one thread's processor time, so that
other work on the machine counts less; the read bandwidth is that of np.min. Then
what trying each number format costs on top.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from harness.core.protocols import WeightTensor
from harness.weights.compiled import is_installed
from harness.weights.numeric_formats import FORMATS
from harness.weights.statistics import N_BINS, describe

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    weights = _weights(arguments.side)
    _print_statistics(weights, arguments.rounds)
    _print_formats(weights)


def _weights(side: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    weights = np.empty((side, side), np.float32)
    for row in weights:
        row[:] = 0.05 * rng.standard_normal(side, dtype=np.float32)
    return weights


def _print_statistics(weights: np.ndarray, rounds: int) -> None:
    tensor = _tensor(weights)
    cases: dict[str, Callable[[], object]] = {
        "np.min: the read bandwidth": weights.min,
        "numpy": lambda: _numpy(weights),
        "torch": lambda: _torch(torch.from_numpy(weights)),
        "harness": lambda: describe(tensor, compile_=False),
    }
    if is_installed():
        cases["harness, numba"] = lambda: describe(tensor, compile_=True)
    seconds = _medians(cases, rounds)
    read, naive, rival = (s for _, s in zip(range(3), seconds.values(), strict=False))
    print("| what | s | GB/s | of the bandwidth | numpy / it | torch / it |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, taken in seconds.items():
        print(
            f"| {name} | {taken:.3f} | {weights.nbytes / taken / 1e9:.2f} "
            f"| {read / taken:.0%} | {naive / taken:.1f} | {rival / taken:.1f} |"
        )


def _print_formats(weights: np.ndarray) -> None:
    tensor = _tensor(weights)
    compiled = is_installed()
    cases: dict[str, Callable[[], object]] = {
        name: partial(describe, tensor, compile_=compiled, formats=formats)
        for name, formats in {"none": (), **{name: (name,) for name in FORMATS}}.items()
    }
    seconds = _medians(cases, 2)
    print("\n| format | s more | GB/s |\n|---|--:|--:|")
    for name in FORMATS:
        more = seconds[name] - seconds["none"]
        print(f"| {name} | {more:.2f} | {weights.nbytes / more / 1e9:.2f} |")


def _medians(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in cases}
    # The first round warms up: compiling, pages, clock.
    for _ in range(rounds + 1):
        for name, case in cases.items():
            start = time.thread_time()
            case()
            taken[name].append(time.thread_time() - start)
    return {name: statistics.median(each[1:]) for name, each in taken.items()}


def _numpy(weights: np.ndarray) -> tuple[object, ...]:
    spread = weights.min(), weights.max(), weights.mean(), weights.std()
    return *spread, np.histogram(weights, N_BINS)


def _torch(weights: torch.Tensor) -> tuple[object, ...]:
    low, high = torch.aminmax(weights)
    counts = torch.histc(weights, N_BINS, float(low), float(high))
    return low, high, torch.std_mean(weights), counts


def _tensor(weights: np.ndarray) -> WeightTensor:
    return WeightTensor(
        "w", weights.shape, "float32", "kernel", None, lambda: weights, "OI"
    )


if __name__ == "__main__":
    main()
