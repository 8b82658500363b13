"""Numbers against numbers: how far off, and how much of the spread is explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.chance import buckets_of
from harness.comparison.options import Options
from harness.comparison.paired_sums import PairedSums
from harness.comparison.picking import pick, pick_target
from harness.comparison.shares import mean_over, share
from harness.core.errors import ComparisonError
from harness.core.results import PartComparison, TaskComparison, TaskMetric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from harness.comparison.batch import ComparisonBatch
    from harness.core.protocols import Array

    FloatArray = NDArray[np.float64]

# Sums an output: |e|, e, e^2, |e| / |y|, y, y^2 (both from an origin).
_SUMS = 6
_TINY = float(np.finfo(np.float64).eps)
_TRUTHLESS = "no target: the reference's answers are the truth"


class RegressionTask:
    """Mean, root mean square and relative error, bias, and explained variance.

    Over several outputs, each is the mean over them, as scikit-learn's
    ``uniform_average``; the maximum is over all.

    Args:
        options: ``output``, ``target``: names, where several could be meant.
        class_names: Names of the output's columns, where there are as many.

    Raises:
        SuiteError: An option is not known or not allowed.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        class_names: Sequence[str] | None = None,
    ) -> None:
        read = Options("regression", options, ("output", "target"))
        self._output, self._target = read.text("output"), read.text("target")
        self._names = class_names
        self._sums: PairedSums | None = None
        self._origin: FloatArray = np.zeros(0)
        self._max: FloatArray = np.zeros((2, 0))
        self._truthless = False

    def update(self, batch: ComparisonBatch) -> None:
        """Take in answers, shape (n,) or (n, ...) on either side.

        Raises:
            ComparisonError: The target has another shape, or nothing tells which
                output or target is meant.
        """
        if self._output is None or self._output not in batch.reference:
            self._output = pick(
                batch.reference, self._output, _is_number, "pred|value", "output"
            )
        sides = [
            _columns(side[self._output]) for side in (batch.reference, batch.candidate)
        ]
        truth = self._truth(batch, sides[0])
        if not len(truth):
            return
        self._begin(truth[0])
        assert self._sums is not None  # just begun
        buckets = buckets_of(batch.samples, batch.groups)
        self._sums.update(buckets, *(self._added(side, truth) for side in sides))
        worst = [np.abs(side - truth).max(axis=0) for side in sides]
        self._max = np.maximum(self._max, worst)

    def merge(self, other: RegressionTask) -> None:
        """Take in all that another task of the same output has seen."""
        if other._sums is None:
            return
        self._begin(other._origin)
        assert self._sums is not None  # just begun
        mine = PairedSums(self._sums.totals[0].shape[0])
        mine.merge(other._sums)
        mine.move(lambda sums: _shift(sums, other._origin - self._origin))
        self._sums.merge(mine)
        self._max = np.maximum(self._max, other._max)
        self._truthless |= other._truthless

    def result(self) -> TaskComparison | None:
        """Metrics over all samples; None when there were none."""
        if self._sums is None:
            return None
        facts = set(_values(self._sums.totals[0][None])) if self._truthless else set()
        n = self._sums.n
        worst = self._max.max(axis=1).tolist()
        return TaskComparison(
            task="regression",
            n=n,
            metrics=(
                *self._sums.metrics(_values, facts),
                _plain("max_error", n, *worst),
            ),
            per_class=self._per_output(),
            notes=(_TRUTHLESS,) if self._truthless else (),
        )

    def _truth(self, batch: ComparisonBatch, answers: FloatArray) -> FloatArray:
        found = pick_target(batch.targets, self._target, "target|y", "numbers")
        if found is None:
            self._truthless = True
            return answers
        truth = _columns(found)
        if truth.shape != answers.shape:
            raise ComparisonError(
                f"the target has {truth.shape[1]} numbers a sample, output "
                f"{self._output!r} {answers.shape[1]}",
                hint="name the right ones in [task]: output = ..., target = ...",
            )
        return truth

    def _begin(self, origin: FloatArray) -> None:
        """Squares of what lies far from 0 lose what a spread is about."""
        if self._sums is None:
            width = len(origin)
            self._origin = np.where(np.isfinite(origin), origin, 0.0)
            self._sums = PairedSums(_SUMS * width + 1)
            self._max = np.zeros((2, width))

    def _added(self, answers: FloatArray, truth: FloatArray) -> FloatArray:
        error, apart = answers - truth, truth - self._origin
        size = np.abs(error)
        relative = size / np.maximum(np.abs(truth), _TINY)
        parts = (size, error, error**2, relative, apart, apart**2)
        return np.hstack([*parts, np.ones((len(truth), 1))])

    def _per_output(self) -> tuple[PartComparison, ...]:
        assert self._sums is not None  # the caller looked
        width = len(self._origin)
        if width == 1:
            return ()
        names = self._names or ()
        if len(names) != width:
            names = [f"output {i}" for i in range(width)]
        return tuple(self._of_output(i, name) for i, name in enumerate(names))

    def _of_output(self, index: int, name: str) -> PartComparison:
        assert self._sums is not None  # the caller looked
        width, n = len(self._origin), self._sums.n
        chosen = [*(index + width * i for i in range(_SUMS)), _SUMS * width]
        before, after = (_values(side[None, chosen]) for side in self._sums.totals)
        metrics = [
            _plain(key, n, float(before[key][0]), float(after[key][0]))
            for key in before
        ]
        worst = _plain("max_error", n, *self._max[:, index].tolist())
        return PartComparison(name, n, (*metrics, worst))


def _values(sums: FloatArray) -> dict[str, FloatArray]:
    n = sums[:, -1:]
    means = share(
        sums[:, :-1], np.broadcast_to(n, (len(sums), sums.shape[1] - 1))
    ).reshape(len(sums), _SUMS, -1)
    size, error, square, relative, apart, apart2 = np.moveaxis(means, 1, 0)
    spread = apart2 - apart**2
    return {
        "mean_abs_error": size.mean(axis=1),
        "rmse_error": np.sqrt(square).mean(axis=1),
        "r2": mean_over(1 - share(square, np.where(spread > 0, spread, 0.0))),
        "mean_abs_percentage_error": relative.mean(axis=1),
        "bias_error": np.abs(error).mean(axis=1),
    }


def _shift(sums: FloatArray, by: FloatArray) -> None:
    """Sums of y - b, and of its square, from sums of y - a: `by` is a - b."""
    width = len(by)
    n = sums[..., -1:]
    first, second = (
        sums[..., i * width : (i + 1) * width] for i in (_SUMS - 2, _SUMS - 1)
    )
    second += 2 * by * first + n * by**2
    first += n * by


def _columns(array: Array) -> FloatArray:
    """Shape (n, numbers a sample), in float64."""
    return array.astype(np.float64).reshape(len(array), -1)


def _is_number(array: Array) -> bool:
    return array.dtype.kind in "iufb"


def _plain(name: str, n: int, reference: float, candidate: float) -> TaskMetric:
    before, after = (x if np.isfinite(x) else None for x in (reference, candidate))
    reason = None if None not in (before, after) else "values that are not finite"
    return TaskMetric(name, n, before, after, unscored=reason)
