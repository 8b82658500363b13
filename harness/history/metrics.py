"""What is kept of a variant: one number a metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.core.results import VariantResult
    from harness.core.trends import Scale

VERDICTS = {"failed": 0.0, "error": 1.0, "undecided": 2.0, "passed": 3.0}
"""A verdict as a number, the higher the better."""
# Under this, errors are rounding; histograms of errors begin there too.
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that is followed from run to run.

    Attributes:
        better: Which way is to the good.
        of: The number of a variant; None where it has none.
        scale: On log, levels differ by factors.
        least_noise: Where values vary at all, how much they may on that scale before
            it says anything: times depend on the neighbours of a machine.
    """

    better: Literal["up", "down"]
    of: Callable[[VariantResult], float | None]
    scale: Scale = "linear"
    least_noise: float = 0.0

    def improved(self, before: float, after: float) -> bool:
        """Whether the way from `before` to `after` is to the good."""
        return (after > before) is (self.better == "up")

    def scaled(self, value: float) -> float:
        """The value on the metric's scale."""
        return math.log10(max(value, _LEAST)) if self.scale == "log" else value

    def unscaled(self, value: float) -> float:
        """A value of the metric's scale in its own unit."""
        if self.scale == "linear":
            return value
        return 10**value if value > math.log10(_LEAST) else 0.0


def _verdict(variant: VariantResult) -> float | None:
    if variant.status in ("crashed", "timeout", "error"):
        return VERDICTS["error"]
    return VERDICTS[variant.verdict] if variant.verdict else None


def _accuracy(variant: VariantResult) -> float | None:
    return variant.labels.accuracy if variant.labels else None


def _agreement(variant: VariantResult) -> float | None:
    return variant.labels.top1_agreement if variant.labels else None


def _worst_recall(variant: VariantResult) -> float | None:
    classes = variant.labels.per_class if variant.labels else ()
    return _least(row.recall for row in classes)


def _max_error(variant: VariantResult) -> float | None:
    found = _least(
        None if output.max_abs_error is None else -output.max_abs_error
        for output in variant.outputs
    )
    return None if found is None else abs(found)


def _sqnr(variant: VariantResult) -> float | None:
    return _least(output.sqnr_db for output in variant.outputs)


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


METRICS: dict[str, Metric] = {
    "verdict": Metric("up", _verdict),
    "accuracy": Metric("up", _accuracy),
    "agreement": Metric("up", _agreement),
    "worst_recall": Metric("up", _worst_recall),
    # Another machine's last bits move an error by a percent.
    "max_error": Metric("down", _max_error, "log", math.log10(1.02)),
    "sqnr": Metric("up", _sqnr, least_noise=0.1),
    "size": Metric("down", lambda variant: variant.size_bytes),
    "seconds": Metric("down", lambda v: v.seconds_per_sample, "log", math.log10(1.05)),
}
"""Name -> metric, in the order in which they are shown."""


def measure(variant: VariantResult) -> dict[str, float]:
    """Every metric that the variant has, by its name; finite numbers alone."""
    found = {name: metric.of(variant) for name, metric in METRICS.items()}
    return {
        name: float(value)
        for name, value in found.items()
        if value is not None and math.isfinite(value)
    }
