"""Counting: a model answers how many there are, and is right, or off by some."""

import numpy as np

from harness.comparison.chance import buckets_of
from harness.comparison.options import Options
from harness.comparison.paired_sums import PairedSums
from harness.core.errors import ComparisonError
from harness.core.results import TaskComparison

# What a sample adds to: one, whether it is right, and by how much it is off.
_COLUMNS = 3


class CountingTask:
    """Share of exact counts, and the mean error; both with intervals."""

    def __init__(self, options, _class_names):
        read = Options("counting", options, ("output", "slack"))
        self._output = read.text("output") or "count"
        self._slack = read.number("slack", 0.0, (0.0, 100.0))
        self._sums = PairedSums(_COLUMNS)

    def update(self, batch):
        """Take in answers, shape (n,) or (n, 1); the truth is `target`."""
        if self._output not in batch.reference or "target" not in batch.targets:
            raise ComparisonError(
                f"counting needs an output {self._output!r} and a column 'target'",
                hint="name the output in [task]: output = ...",
            )
        truth = batch.targets["target"].reshape(len(batch.samples))
        sides = (
            self._added(side[self._output].reshape(truth.shape), truth)
            for side in (batch.reference, batch.candidate)
        )
        self._sums.update(buckets_of(batch.samples, batch.groups), *sides)

    def merge(self, other):
        """Take in all that another has seen."""
        self._sums.merge(other._sums)

    def result(self):
        """Both metrics, and what is sure of their change."""
        return TaskComparison("counting", self._sums.n, self._sums.metrics(_values))

    def _added(self, answers, truth):
        off = np.abs(np.rint(answers) - truth).astype(np.float64)
        return np.stack([np.ones(len(off)), off <= self._slack, off], axis=1)


def _values(sums):
    n, exact, off = sums.T
    return {"exact": exact / n, "mean_count_error": off / n}
