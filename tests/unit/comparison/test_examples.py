"""Samples that stand for what many did, and where in space errors lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.aggregate import Comparison
from harness.comparison.batch import ComparisonBatch
from harness.comparison.error_maps import ErrorMaps, pooled
from harness.comparison.examples import EACH_MOVED, MOST_ALIKE, MOST_MOVED, ExampleLog
from harness.core.results import Flip

N_CLASSES = 4


def scores(decided, n_classes=N_CLASSES):
    return np.eye(n_classes, dtype=np.float32)[decided]


def batch(old, new, labels, start=0):
    n_classes = N_CLASSES
    return ComparisonBatch(
        slice(start, start + len(old)),
        {"scores": scores(old, n_classes)},
        {"scores": scores(new, n_classes)},
        None if labels is None else np.asarray(labels),
        np.array([f"id-{start + k}" for k in range(len(old))]),
    )


def compared(*batches):
    comparison = Comparison("classification", {"scores": "scores"})
    for one in batches:
        comparison.update(one)
    return comparison


def firsts(old, new, true):
    """What must be kept, by the definition of it."""
    kept = {}
    for k, kind in enumerate(zip(true, old, new, strict=True)):
        kept.setdefault(kind, []).append(k)
    moved = [k for (_, o, n), at in kept.items() if o != n for k in at[:EACH_MOVED]]
    alike = [k for (_, o, n), at in kept.items() if o == n for k in at[:1]]
    return [*sorted(moved), *sorted(alike)]


answers = st.lists(
    st.tuples(*[st.integers(0, N_CLASSES - 1)] * 3), min_size=1, max_size=60
)


@given(answers, st.integers(0, 60))
def test_the_first_of_each_kind_however_samples_are_split(rows, cut):
    old, new, true = (np.array(side) for side in zip(*rows, strict=True))
    parts = [
        batch(old[s], new[s], true[s], s.start)
        for s in (slice(0, cut), slice(cut, len(rows)))
        if len(old[s])
    ]
    whole = compared(*parts).result().labels.examples
    assert [e.sample for e in whole] == firsts(old, new, true)
    merged = compared(parts[0])
    for part in parts[1:]:
        merged.merge(compared(part))
    assert merged.result().labels.examples == whole


def test_an_example_tells_what_a_flip_tells():
    found = compared(batch([1, 1], [2, 1], [1, 1])).result().labels.examples
    assert found == (
        Flip(0, "1", "1", "2", 1.0, "id-0"),
        Flip(1, "1", "1", "1", 0.0, "id-1"),
    )


def test_without_labels_kinds_are_old_and_new():
    found = compared(batch([0, 0, 0], [1, 1, 1], None)).result().labels.examples
    assert [(e.sample, e.true) for e in found] == [(0, None), (1, None)]


def test_no_more_kinds_are_kept_than_there_is_room_for():
    n = 400
    log = ExampleLog([str(k) for k in range(n)])
    old = np.arange(n)
    for start in (0, n):
        moves = (old, (old + 1) % n, old)
        log.update(np.arange(start, start + n), moves, np.ones(n), None)
        log.update(np.arange(start, start + n), (old, old, old), np.ones(0), None)
    found = log.result()
    assert len(found) == EACH_MOVED * MOST_MOVED + MOST_ALIKE


def test_what_is_shown_later_was_wanted_when_it_went_by():
    rng = np.random.default_rng(3)
    comparison = Comparison("classification", {"scores": "scores"})
    seen = set()
    for start in range(0, 300, 20):
        old, new, true = rng.integers(0, N_CLASSES, (3, 20))
        comparison.update(batch(old, new, true, start))
        seen |= {s for s in comparison.shown if s >= start}
        assert comparison.shown <= seen


def test_confusion_of_very_many_classes_keeps_the_cells_that_changed_most():
    n = 300
    names = [str(k) for k in range(n)]
    true = np.repeat(np.arange(n), 3)
    old, new = true.copy(), true.copy()
    new[:2] = 7
    one = ComparisonBatch(
        slice(0, len(true)), {"s": scores(old, n)}, {"s": scores(new, n)}, true
    )
    comparison = Comparison("classification", {"s": "s"}, class_names=names)
    comparison.update(one)
    labels = comparison.result().labels
    assert labels.confusion is None
    cells = labels.confusion_cells
    assert cells.cells[:2] == ((0, 0, 3, 1), (0, 7, 0, 2))
    assert len(cells.cells) == n + 1
    assert cells.n_left_out == 0
    assert sum(c[2] for c in cells.cells) == len(true)


def test_few_classes_have_whole_matrices_instead():
    labels = compared(batch([1], [2], [1])).result().labels
    assert labels.confusion is not None
    assert labels.confusion_cells is None


class TestErrorMaps:
    def output(self, reference, candidate):
        comparison = Comparison("tensor", {"y": "y"})
        rows = slice(0, len(reference))
        comparison.update(ComparisonBatch(rows, {"y": reference}, {"y": candidate}))
        return comparison.result().outputs[0]

    @pytest.mark.parametrize("channels_first", [True, False])
    def test_mean_error_by_row_and_column(self, channels_first):
        rng = np.random.default_rng(0)
        reference = rng.random((3, 5, 6, 2)).astype(np.float32)
        candidate = reference.copy()
        candidate[:, 4, 1] += 0.5
        expected = np.abs(candidate - reference).mean(axis=(0, 3))
        if channels_first:
            reference, candidate = (
                np.moveaxis(a, 3, 1) for a in (reference, candidate)
            )
        found = self.output(reference, candidate).error_map
        assert (found.shape, found.n_samples) == ((5, 6), 3)
        np.testing.assert_allclose(found.mean, expected, atol=1e-7)

    def test_a_large_plane_is_averaged_over_neighbours(self):
        reference = np.zeros((1, 100, 60), np.float32)
        candidate = reference.copy()
        candidate[0, 99, 0] = 1.0
        found = self.output(reference, candidate).error_map
        assert found.shape == (100, 60)
        assert np.shape(found.mean) == (48, 48)
        assert found.mean[47][0] > 0
        assert np.count_nonzero(found.mean) == 1

    def test_no_map_without_space_or_without_error(self):
        flat = np.zeros((2, 10), np.float32)
        square = np.zeros((2, 9, 9), np.float32)
        assert self.output(flat, flat + 1).error_map is None
        told = self.output(square, square)
        assert told.error_map is None
        assert told.unscored["error_map"]

    def test_merging_is_looking_at_both(self):
        rng = np.random.default_rng(1)
        sides = rng.random((6, 2, 9, 9)).astype(np.float32)
        whole, one, other = ErrorMaps(), ErrorMaps(), ErrorMaps()
        for k, (r, c) in enumerate(sides):
            whole.update(r, c, None)
            (one if k < 3 else other).update(r, c, None)
        one.merge(other)
        np.testing.assert_allclose(one.result().mean, whole.result().mean)

    @given(st.integers(1, 120), st.integers(1, 120))
    def test_pooling_keeps_the_mean_of_what_is_even(self, height, width):
        found = pooled(np.full((height, width), 3.0))
        assert max(found.shape) <= 48
        np.testing.assert_allclose(found, 3.0)
