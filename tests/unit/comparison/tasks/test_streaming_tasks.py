"""Order, batch split and merging change nothing, in any task and slice."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.comparison import Comparison, Scoring, Slicing
from harness.comparison.tasks.table import TABLE, make_task
from harness.core.errors import ComparisonError, SuiteError
from harness.core.specs import TASKS, SliceSpec

N = 60


def classification(rng):
    scores = [rng.normal(size=(N, 4)) for _ in range(2)]
    return {"s": scores[0]}, {"s": scores[1]}, rng.integers(0, 4, N), {}, {}


def multilabel(rng):
    scores = [rng.random((N, 3)) for _ in range(2)]
    truth = {"labels": rng.integers(0, 2, (N, 3))}
    return {"s": scores[0]}, {"s": scores[1]}, None, truth, {}


def binary(rng):
    scores = [rng.random(N) for _ in range(2)]
    return {"s": scores[0]}, {"s": scores[1]}, rng.integers(0, 2, N), {}, {}


def regression(rng):
    truth = rng.normal(size=(N, 2)) + 1e4
    sides = [truth + rng.normal(size=(N, 2)) for _ in range(2)]
    return {"y": sides[0]}, {"y": sides[1]}, None, {"target": truth}, {}


def segmentation(rng):
    truth = {"mask": rng.integers(0, 3, (N, 4, 5))}
    maps = [rng.integers(0, 3, (N, 4, 5)) for _ in range(2)]
    return {"m": maps[0]}, {"m": maps[1]}, None, truth, {"classes": 3}


def embedding(rng):
    ours = rng.normal(size=(N, 6))
    theirs = ours + 0.3 * rng.normal(size=(N, 6))
    return {"e": ours}, {"e": theirs}, rng.integers(0, 5, N), {}, {"k": 4}


def sequence(rng):
    truth, ours, theirs = (rng.integers(0, 4, (N, 6)) for _ in range(3))
    return {"t": ours}, {"t": theirs}, None, {"target": truth}, {"eos": 1, "pad": 0}


MAKERS = (
    *(binary, classification, embedding, multilabel, regression),
    *(segmentation, sequence),
)
EVERY = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


@EVERY
@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "groups"])
@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_split_and_merge_change_nothing(feed, make, grouped, seed):
    rng = np.random.default_rng(seed)
    reference, candidate, labels, targets, options = make(rng)
    metadata = {"group": rng.integers(0, 25, N).astype(str)} if grouped else {}
    batch = feed.batch(reference, candidate, labels, targets, metadata)
    whole = feed.run(make.__name__, batch, options)
    feed.assert_same(whole, feed.in_pieces(make.__name__, batch, rng, options))
    assert any(m.interval for m in whole.metrics)


@EVERY
def test_a_candidate_that_is_the_reference_loses_nothing(feed, make):
    rng = np.random.default_rng(3)
    reference, _, labels, targets, options = make(rng)
    batch = feed.batch(reference, reference, labels, targets)
    found = feed.run(make.__name__, batch, options)
    for metric in found.metrics:
        assert metric.loss == pytest.approx(0, abs=1e-12), metric.name
        assert metric.p_value in (None, 1.0)


@EVERY
def test_without_truth_the_reference_is_right(feed, make):
    rng = np.random.default_rng(4)
    reference, candidate, _, _, options = make(rng)
    found = feed.run(make.__name__, feed.batch(reference, candidate), options)
    assert all(metric.p_value is None for metric in found.metrics)
    for metric in found.metrics:
        best = 1.0 if metric.higher_is_better else 0.0
        assert metric.reference == pytest.approx(best, abs=1e-12), metric.name
    if make is not embedding:
        assert found.notes


@EVERY
def test_slices_are_the_task_on_their_samples(feed, make):
    rng = np.random.default_rng(5)
    reference, candidate, labels, targets, options = make(rng)
    metadata = {
        "hour": rng.integers(0, 24, N),
        "city": rng.choice(["Bonn", "Rome"], N),
    }
    batch = feed.batch(reference, candidate, labels, targets, metadata)
    slicing = Slicing(
        (SliceSpec("night", "hour < 8"), SliceSpec("towns", by=("city",)))
    )
    scoring = Scoring(make.__name__, options, slicing)
    whole, *parts = (Comparison(scoring, {}) for _ in range(4))
    if make is classification:
        pairs = {"s": "s"}
        whole, *parts = (Comparison(scoring, pairs) for _ in range(4))
    whole.update(batch)
    order = rng.permutation(N)
    for part, chosen in zip(parts, np.array_split(order, 3), strict=True):
        part._task.update(batch.where(chosen))
        part._slices.update(batch.where(chosen))
        if part is not parts[0]:
            parts[0]._task.merge(part._task)
            parts[0]._slices.merge(part._slices)
    found = whole.result().task
    feed.assert_same(found, parts[0]._task_result())
    names = ["night", "city=Bonn", "city=Rome", "hour=0"]
    assert [part.name for part in found.slices][:4] == names
    night = metadata["hour"] < 8
    own = feed.run(make.__name__, batch.where(night), options)
    assert found.slices[0].n == night.sum()
    assert found.slices[0].metrics == own.metrics[:5]


def test_every_task_of_the_suite_is_there():
    assert tuple(TABLE) == TASKS
    for name in TASKS:
        assert make_task(name).result() is None


@pytest.mark.parametrize("name", TASKS)
def test_an_option_that_no_task_has_is_refused_by_name(name):
    with pytest.raises(SuiteError, match="no option 'tresh'") as caught:
        make_task(name, {"tresh": 1})
    assert "its options are" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("classification", {"top_k": 0}),
        ("classification", {"scores": "odds"}),
        ("multilabel", {"threshold": "half"}),
        ("multilabel", {"logits": 1}),
        ("detection", {"format": "yolo"}),
        ("detection", {"image_size": [3]}),
        ("detection", {"normalized": True, "target_normalized": False}),
        ("detection", {"score_threshold": 2}),
        ("segmentation", {"layout": "CHW"}),
        ("segmentation", {"ignore_index": -1}),
        ("embedding", {"k": True}),
        ("sequence", {"mask": ""}),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(name, options):
    with pytest.raises(SuiteError, match=name) as caught:
        make_task(name, options)
    assert "allowed is" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "reference", "message"),
    [
        ("detection", {"a": np.zeros((2, 3))}, "output with the boxes"),
        ("segmentation", {"a": np.zeros((2, 4, 5, 5))}, "which axis counts"),
        ("sequence", {"a": np.zeros((2, 3))}, "nothing could be the output"),
        ("multilabel", {"a": np.zeros((2, 3)), "b": np.zeros((2, 3))}, "several"),
    ],
)
def test_outputs_that_do_not_fit_are_said_with_their_shapes(
    feed, name, reference, message
):
    with pytest.raises(ComparisonError, match=message) as caught:
        feed.run(name, feed.batch(reference, reference))
    assert "[task]" in caught.value.hint
