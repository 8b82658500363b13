"""Decisions against scikit-learn's metrics."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
)

from harness.comparison.flips import NO_CLASS
from harness.comparison.tasks.classification import LabelMetric, find_scores
from harness.core.errors import ComparisonError

NAMES = ("ant", "bee", "cat", "dog")


def scores(rng, n, k=4, step=None):
    drawn = rng.random((n, k))
    return (np.round(drawn / step) * step if step else drawn).astype(np.float32)


def compare(r, c, labels, names=NAMES, cuts=(), ids=None):
    metric = LabelMetric(names)
    edges = [0, *sorted(cuts), len(r)]
    for start, stop in pairwise(edges):
        rows = slice(start, stop)
        metric.update(
            r[rows],
            c[rows],
            None if labels is None else labels[rows],
            rows,
            None if ids is None else ids[rows],
        )
    return metric.result()


cases = given(
    st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([None, 0.5])
)


@cases
@settings(max_examples=60, deadline=None)
def test_scikit_learn_agrees(seed, n, step):
    rng = np.random.default_rng(seed)
    r, c, labels = scores(rng, n, step=step), scores(rng, n), rng.integers(0, 4, n)
    found = compare(r, c, labels)
    for side, answers in (("_reference", r), ("", c)):
        guesses = answers.argmax(axis=1)
        assert getattr(found, f"accuracy{side}") == accuracy_score(labels, guesses)
        precision, recall, f1, support = precision_recall_fscore_support(
            labels, guesses, labels=range(4), zero_division=np.nan
        )
        for i, one in enumerate(found.per_class):
            assert one.n == support[i]
            check(getattr(one, f"recall{side}"), recall[i])
            check(getattr(one, f"precision{side}"), precision[i])
            check(getattr(one, f"f1{side}"), f1[i])
        matrix = getattr(found.confusion, "candidate" if not side else "reference")
        assert (confusion_matrix(labels, guesses, labels=range(4)) == matrix).all()


def check(value, wanted):
    if np.isnan(wanted):
        assert value is None
    else:
        assert value == pytest.approx(wanted, rel=1e-12)


@cases
@settings(max_examples=60, deadline=None)
def test_flips_are_those_of_plain_loops(seed, n, step):
    rng = np.random.default_rng(seed)
    r, c, labels = scores(rng, n, step=step), scores(rng, n), rng.integers(0, 4, n)
    old, new = r.argmax(axis=1), c.argmax(axis=1)
    found = compare(r, c, labels)
    lost = (old == labels) & (new != labels)
    won = (old != labels) & (new == labels)
    assert found.n_flipped == (old != new).sum()
    assert found.top1_agreement == pytest.approx((old == new).mean())
    assert (found.n_regressed, found.n_improved) == (lost.sum(), won.sum())
    for i, one in enumerate(found.per_class):
        mine = labels == i
        assert (one.n_regressed, one.n_improved) == (
            (lost & mine).sum(),
            (won & mine).sum(),
        )
    discordant = int(lost.sum() + won.sum())
    exact = binomtest(int(lost.sum()), discordant).pvalue if discordant else 1.0
    assert found.p_value == pytest.approx(exact, rel=1e-9)
    by_hand = [
        (-float(r[i, old[i]]) + float(r[i, new[i]]), i)
        for i in range(n)
        if old[i] != new[i]
    ]
    assert [(-f.margin, f.sample) for f in found.flips] == sorted(by_hand)
    for flip in found.flips:
        i = flip.sample
        moves = (NAMES[labels[i]], NAMES[old[i]], NAMES[new[i]])
        assert (flip.true, flip.old, flip.new) == moves


@given(
    st.integers(0, 2**32 - 1), st.lists(st.integers(0, 300), max_size=5), st.booleans()
)
@settings(max_examples=40, deadline=None)
def test_neither_split_nor_order_of_merging_matters(seed, cuts, labelled):
    rng = np.random.default_rng(seed)
    r, c = scores(rng, 300, step=0.25), scores(rng, 300, step=0.25)
    labels = rng.integers(0, 4, 300) if labelled else None
    ids = np.array([f"s{i}" for i in range(300)])
    whole = compare(r, c, labels, ids=ids)
    assert len(whole.flips) == 100
    assert compare(r, c, labels, cuts=cuts, ids=ids) == whole
    parts = []
    for rows in rng.permutation(np.arange(300).reshape(6, 50)):
        metric = LabelMetric(NAMES)
        mine = slice(int(rows[0]), int(rows[-1]) + 1)
        metric.update(
            r[mine], c[mine], labels[mine] if labelled else None, mine, ids[mine]
        )
        parts.append(metric)
    for other in parts[1:]:
        parts[0].merge(other)
    assert parts[0].result() == whole


def test_without_labels_only_the_moves_are_known():
    rng = np.random.default_rng(0)
    found = compare(scores(rng, 50), scores(rng, 50), None)
    assert found.n_flipped > 0
    assert (found.accuracy, found.n_regressed, found.p_value) == (None, None, None)
    assert (found.per_class, found.confusion) == ((), None)
    assert all(flip.true is None for flip in found.flips)


def test_nan_decides_for_no_class():
    r = np.eye(4, dtype=np.float32)
    c = r.copy()
    c[1] = np.nan
    c[2, 3] = np.nan
    found = compare(r, c, np.arange(4))
    assert found.accuracy == 0.5
    assert found.n_regressed == 2
    assert [flip.new for flip in found.flips] == [NO_CLASS, NO_CLASS]
    assert [flip.margin for flip in found.flips] == [1.0, 1.0]
    assert np.array(found.confusion.candidate).sum() == 2
    assert found.per_class[1].n == 1
    assert found.per_class[1].recall == 0.0


def test_nan_on_both_sides_is_wrong_but_no_flip():
    r = np.full((3, 4), np.nan, dtype=np.float32)
    found = compare(r, r, np.zeros(3, dtype=np.int64))
    assert (found.accuracy_reference, found.accuracy, found.n_flipped) == (0, 0, 0)


def test_infinite_margins_stay_finite():
    r = np.array([[np.inf, 0, 0, 0]], dtype=np.float32)
    c = np.array([[0, 1, 0, 0]], dtype=np.float32)
    assert np.isfinite(compare(r, c, None).flips[0].margin)


def test_many_classes_leave_the_matrix_out_and_keep_the_rest():
    rng = np.random.default_rng(1)
    names = [str(i) for i in range(1000)]
    r, labels = scores(rng, 200, 1000), rng.integers(0, 1000, 200)
    found = compare(r, r.copy(), labels, names)
    assert found.confusion is None
    assert len(found.per_class) == 1000
    assert sum(one.n for one in found.per_class) == 200


@pytest.mark.parametrize("label", [4, -1])
def test_labels_out_of_range(label):
    labels = np.array([0, label, 1])
    with pytest.raises(ComparisonError, match=rf"sample 1 has label {label}"):
        compare(np.eye(4)[:3], np.eye(4)[:3], labels)


def test_scores_of_another_width():
    with pytest.raises(ComparisonError, match=r"\(3, 5\).*\(3, 4\)"):
        compare(np.zeros((3, 5)), np.zeros((3, 5)), None)


def test_nothing_seen_is_no_result():
    assert LabelMetric(NAMES).result() is None


def test_scores_are_the_output_of_the_right_width():
    made = {"box": np.zeros((5, 3, 2)), "note": np.zeros((5, 7)), "y": np.zeros((5, 4))}
    assert find_scores(made, NAMES) == "y"
    with pytest.raises(ComparisonError, match="several outputs"):
        find_scores(made, None)


def test_among_several_the_name_tells():
    made = {"features": np.zeros((5, 4)), "Probabilities": np.zeros((5, 4))}
    assert find_scores(made, NAMES) == "Probabilities"
    with pytest.raises(ComparisonError, match="several outputs"):
        find_scores({"a": np.zeros((5, 4)), "b": np.zeros((5, 4))}, NAMES)


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 4, 1), (5, 9)])
def test_no_output_of_scores(shape):
    with pytest.raises(ComparisonError, match="no output could be") as caught:
        find_scores({"y": np.zeros(shape)}, NAMES)
    assert str(shape) in caught.value.message
