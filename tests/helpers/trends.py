"""A history of a suite with one change of level, its names hostile."""

import numpy as np

from harness.core.trends import (
    ChangePoint,
    Difference,
    RunFacts,
    Series,
    Trend,
    Turn,
    VariantTrend,
)

N = 60


def fallen():
    rng = np.random.default_rng(0)
    runs = tuple(
        RunFacts(i, f"2026-03-{i % 28 + 1:02}", "failed") for i in range(1, N + 1)
    )
    values = tuple((0.967, 0.921)[i >= 20] for i in range(N))
    times = tuple(2e-4 * np.exp(rng.normal(0, 0.03, N)))
    turn = Turn(20, (Difference("model", "a" * 64, "b" * 64),))
    change = ChangePoint(20, 0.967, 0.921, better=False)
    series = (
        Series("accuracy", "linear", values, 0.0, (change,)),
        Series("seconds", "log", times, 0.02),
    )
    names = ("int8", "<img src=x onerror=alert(1)>")
    return Trend(
        "digits",
        runs,
        tuple(VariantTrend(n, "quantized", series, (turn,), turn) for n in names),
    )
