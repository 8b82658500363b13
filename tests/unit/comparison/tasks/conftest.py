"""Ways to feed a task: whole, in cuts, shuffled and merged."""

from itertools import pairwise

import numpy as np
import pytest

from harness.comparison.batch import ComparisonBatch
from harness.comparison.tasks.table import make_task


def batch_of(
    reference, candidate, labels=None, targets=None, metadata=None, inputs=None
):
    n = len(next(iter(reference.values())))
    return ComparisonBatch(
        slice(0, n),
        reference,
        candidate,
        labels,
        None,
        targets or {},
        metadata or {},
        inputs or {},
    )


def run(name, batch, options=None, class_names=None):
    task = make_task(name, options, class_names)
    task.update(batch)
    return task.result()


def in_pieces(name, batch, rng, options=None, class_names=None):
    """The same samples in another order, in pieces, by three tasks that are merged."""
    n = len(batch.samples)
    order = rng.permutation(n)
    edges = sorted({0, n, *rng.integers(0, n + 1, 4).tolist()})
    tasks = [make_task(name, options, class_names) for _ in range(3)]
    for index, (start, stop) in enumerate(pairwise(edges)):
        tasks[index % 3].update(batch.where(order[start:stop]))
    tasks[2].merge(tasks[0])
    tasks[1].merge(tasks[2])
    return tasks[1].result()


def values(found):
    return {m.name: (m.reference, m.candidate) for m in found.metrics}


def flat(found):
    """Every number of a comparison, for comparisons up to the last bits."""
    metrics = list(found.metrics)
    for part in (*found.per_class, *found.slices):
        metrics += part.metrics
    numbers = []
    for m in metrics:
        numbers += [m.n, m.reference, m.candidate, m.p_value, *(m.interval or ())]
    return np.array([np.nan if x is None else float(x) for x in numbers])


def assert_same(one, other):
    assert [m.name for m in one.metrics] == [m.name for m in other.metrics]
    np.testing.assert_allclose(flat(one), flat(other), rtol=1e-9, atol=1e-9)
    assert one.confusion == other.confusion
    assert one.notes == other.notes
    assert (one.n_regressed, one.n_improved) == (other.n_regressed, other.n_improved)


@pytest.fixture
def feed():
    """The helpers, as a namespace."""

    class Feed:
        pass

    Feed.batch = staticmethod(batch_of)
    Feed.run = staticmethod(run)
    Feed.in_pieces = staticmethod(in_pieces)
    Feed.values = staticmethod(values)
    Feed.assert_same = staticmethod(assert_same)
    return Feed
