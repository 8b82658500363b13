"""What samples add up to on both sides, and what is sure of metrics made from it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.comparison.bootstrap import bootstrap_changes
from harness.comparison.chance import BUCKETS
from harness.core.results import TaskMetric

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from harness.core.protocols import IntArray

    FloatArray = NDArray[np.float64]
    Values: TypeAlias = Callable[[FloatArray], Mapping[str, FloatArray]]
    """Sums, shape (rounds, m) -> metric's name -> values, shape (rounds,)."""

CONFIDENCE = 0.95
# Fewer buckets that hold anything say nothing of a spread.
_LEAST = 10
# A pass over all samples for each column costs less than sorting them, up to this.
_FEW_COLUMNS = 32


class PairedSums:
    """Sums over samples a bucket, of reference and candidate.

    Args:
        n_columns: What a sample adds to.
        n_buckets: Rows that are kept apart; with 1 there are sums and no intervals.
    """

    def __init__(self, n_columns: int, n_buckets: int = BUCKETS) -> None:
        self.n = 0
        self._sums = np.zeros((2, n_buckets, n_columns))
        self._held = np.zeros(n_buckets, bool)
        self._moved = np.zeros(n_buckets, bool)

    def update(
        self, buckets: IntArray, reference: FloatArray, candidate: FloatArray
    ) -> None:
        """Take in samples.

        Args:
            buckets: Of each sample, shape (n,), as `chance.buckets_of` gives them.
            reference: What each adds, shape (n, columns).
            candidate: Likewise.
        """
        if not len(buckets):
            return
        places = self._take(buckets, (reference != candidate).any(axis=1))
        for side, added in zip(self._sums, (reference, candidate), strict=True):
            if added.shape[1] <= _FEW_COLUMNS:
                for column, values in enumerate(added.T):
                    side[:, column] += np.bincount(places, values, len(side))
            else:
                _add_sorted(side, places, added)

    def count(
        self,
        buckets: IntArray,
        reference: IntArray,
        candidate: IntArray,
        weights: Sequence[FloatArray] | None = None,
    ) -> None:
        """Take in samples that add to a few of many columns.

        Args:
            buckets: As of `update`.
            reference: Columns that each adds to, shape (n, k); -1 for none.
            candidate: Likewise.
            weights: What is added on each side, shape (n, k); None adds one.
        """
        moved = (reference != candidate).any(axis=1)
        if weights is not None:
            moved |= (weights[0] != weights[1]).any(axis=1)
        places = self._take(buckets, moved)
        for index, columns in enumerate((reference, candidate)):
            side = self._sums[index]
            there = columns >= 0
            cells = (places[:, None] * side.shape[1] + columns)[there]
            added = None if weights is None else weights[index][there]
            side += np.bincount(cells, added, side.size).reshape(side.shape)

    def _take(self, buckets: IntArray, moved: NDArray[np.bool_]) -> IntArray:
        """Note samples; their rows."""
        self.n += len(buckets)
        places: IntArray = buckets % len(self._held)
        self._held[places] = True
        self._moved[places[moved]] = True
        return places

    def merge(self, other: PairedSums) -> None:
        """Take in all that another has seen."""
        self.n += other.n
        self._sums += other._sums
        self._held |= other._held
        self._moved |= other._moved

    def move(self, change: Callable[[FloatArray], None]) -> None:
        """Rewrite the sums in place, shape (..., columns): of another origin, say."""
        change(self._sums)

    @property
    def totals(self) -> tuple[FloatArray, FloatArray]:
        """Sums of reference and candidate over all samples, shape (columns,) each."""
        reference, candidate = self._sums.sum(axis=1)
        return reference, candidate

    def metrics(
        self, values: Values, facts: Collection[str] = ()
    ) -> tuple[TaskMetric, ...]:
        """The metrics of both sides, with intervals where there are enough buckets.

        Args:
            values: Makes them from sums.
            facts: Names of those in which the reference is right by definition: a
                loss is then no matter of chance, and gets no p-value.
        """
        reference, candidate = (
            values(side.sum(axis=0, keepdims=True)) for side in self._sums
        )
        plain = [
            _metric(name, self.n, float(reference[name][0]), float(candidate[name][0]))
            for name in reference
        ]
        return self._with_chance(plain, values, facts)

    def _with_chance(
        self, plain: list[TaskMetric], values: Values, facts: Collection[str]
    ) -> tuple[TaskMetric, ...]:
        n_held = int(self._held.sum())
        if n_held < _LEAST or not plain:
            return tuple(plain)
        changes = self._changes(values)
        spread = (n_held, int(self._moved.sum()))
        return tuple(
            with_chance(metric, change, spread, fact=metric.name in facts)
            for metric, change in zip(plain, changes.T, strict=True)
        )

    def _changes(self, values: Values) -> FloatArray:
        """Of each metric in each round, shape (rounds, metrics)."""

        def stacked(sums: FloatArray) -> FloatArray:
            return np.stack(list(values(sums).values()), axis=1)

        return bootstrap_changes((self._sums[0], self._sums[1]), stacked)


def with_chance(
    metric: TaskMetric, changes: FloatArray, spread: tuple[int, int], *, fact: bool
) -> TaskMetric:
    """A metric with its interval, and the chance of such a loss without a change.

    The interval is the bootstrap's percentiles. The p-value is Student's, of the loss
    over the bootstrap's standard error; it is never less than 2^-d where d buckets
    moved: as little as an exact test of their signs could give.

    Args:
        metric: Both sides' values.
        changes: Of candidate against reference in each round; NaN where a round has
            none.
        spread: Buckets with samples, and those in which the sides differ.
        fact: Whether the reference is right by definition.
    """
    found = changes[np.isfinite(changes)]
    loss = metric.loss
    if loss is None or found.size < changes.size // 2:
        return metric
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    interval = (float(low), float(high))
    if fact:
        return replace(metric, interval=interval)
    p_value = p_of_loss(loss, float(found.std()), spread[0] - 1)
    return replace(
        metric, interval=interval, p_value=max(p_value, 0.5 ** spread[1], 1e-300)
    )


def _add_sorted(side: FloatArray, places: IntArray, added: FloatArray) -> None:
    order = np.argsort(places, kind="stable")
    rows, starts = np.unique(places[order], return_index=True)
    side[rows] += np.add.reduceat(added[order], starts, axis=0)


def p_of_loss(loss: float, error: float, freedom: int) -> float:
    """One-sided p-value of Student's test: as large a loss by chance."""
    # scipy.special takes a while to import; a run without intervals must not wait.
    from scipy.special import stdtr

    if loss <= 0:
        return 1.0
    return float(stdtr(freedom, -loss / error)) if error else 0.0


def _metric(name: str, n: int, reference: float, candidate: float) -> TaskMetric:
    before, after = (x if math.isfinite(x) else None for x in (reference, candidate))
    reason = None
    if before is None or after is None:
        reason = "nothing to compute it from, or values that are not finite"
    return TaskMetric(name, n, before, after, unscored=reason)


def unscored(name: str, n: int, reason: str) -> TaskMetric:
    """A metric without numbers, and why."""
    return TaskMetric(name, n, None, None, unscored=reason)
