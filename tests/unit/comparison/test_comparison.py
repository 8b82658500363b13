"""All outputs of a candidate in one pass, and the distance of a few samples."""

import numpy as np
import pytest

from harness.comparison import Comparison, ComparisonBatch, distance
from harness.core.codec import from_json, to_json
from harness.core.errors import ComparisonError, ShapeMismatchError
from harness.core.results import LabelComparison, OutputComparison

NAMES = tuple("abcdefghij")


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    reference = {
        "probabilities": rng.random((90, 10)).astype(np.float32),
        "features": rng.standard_normal((90, 3, 8, 8)).astype(np.float32),
    }
    candidate = {
        name: array + rng.standard_normal(array.shape).astype(np.float32) * 0.1
        for name, array in reference.items()
    }
    return reference, candidate, rng.integers(0, 10, 90)


def fill(comparison, answers, batch=32, labelled=True, starts=None):
    reference, candidate, labels = answers
    for start in starts if starts is not None else range(0, 90, batch):
        rows = slice(start, min(start + batch, 90))
        comparison.update(
            ComparisonBatch(
                rows,
                {name: array[rows] for name, array in reference.items()},
                {name: array[rows] for name, array in candidate.items()},
                labels[rows] if labelled else None,
            )
        )
    return comparison


def make(task="classification", class_names=NAMES):
    pairs = {"probabilities": "Identity:0", "features": "Identity_1:0"}
    return Comparison(task, pairs, 0.05, 0.0, class_names)


def test_outputs_and_labels_in_one_pass(answers):
    result = fill(make(), answers).result()
    assert [(o.name, o.candidate_name) for o in result.outputs] == [
        ("probabilities", "Identity:0"),
        ("features", "Identity_1:0"),
    ]
    assert result.outputs[1].n_elements == 90 * 3 * 8 * 8
    assert result.labels.n == 90
    assert [one.class_name for one in result.labels.per_class] == list(NAMES)


def test_merged_halves_are_the_whole(answers):
    whole = fill(make(), answers, batch=30).result()
    first = fill(make(), answers, batch=30, starts=[60])
    first.merge(fill(make(), answers, batch=30, starts=[0, 30]))
    merged = first.result()
    assert merged.labels == whole.labels
    for one, other in zip(merged.outputs, whole.outputs, strict=True):
        assert (one.max_abs_error, one.worst) == (other.max_abs_error, other.worst)
        assert one.rmse == pytest.approx(other.rmse, rel=1e-6)


def test_merging_into_an_empty_one(answers):
    empty = make()
    empty.merge(fill(make(), answers))
    assert empty.result() == fill(make(), answers).result()


def test_a_tensor_task_has_no_labels(answers):
    assert fill(make("tensor"), answers).result().labels is None


def test_classes_without_names_are_numbered(answers):
    labels = fill(make(class_names=None), answers).result().labels
    assert [one.class_name for one in labels.per_class] == [str(i) for i in range(10)]


def test_results_survive_json(answers):
    result = fill(make(), answers).result()
    for output in result.outputs:
        assert from_json(OutputComparison, to_json(output)) == output
    assert from_json(LabelComparison, to_json(result.labels)) == result.labels


def test_shapes_and_scores_are_checked(answers):
    reference, candidate, labels = answers
    candidate = candidate | {"probabilities": candidate["probabilities"][:, None]}
    with pytest.raises(ShapeMismatchError, match="'Identity:0'"):
        fill(make(), (reference, candidate, labels))
    with pytest.raises(ComparisonError, match="no output could be the class scores"):
        fill(make(class_names=NAMES[:9]), answers)


def test_distance_is_the_error_of_all_outputs(answers):
    reference, candidate, _ = answers
    found = distance(reference, candidate, NAMES)
    errors = [np.abs(candidate[n].astype(float) - reference[n]) for n in reference]
    assert found.max_abs_error == pytest.approx(max(e.max() for e in errors))
    assert found.sum_abs_error == pytest.approx(sum(e.sum() for e in errors))
    assert found.n_samples == 90
    old, new = (side["probabilities"].argmax(1) for side in (reference, candidate))
    assert found.n_flipped == (old != new).sum()


def test_distance_without_classes_or_scores(answers):
    reference, candidate, _ = answers
    assert distance(reference, candidate).n_flipped is None
    assert distance(reference, candidate, ("x", "y")).n_flipped is None


def test_distance_of_what_is_not_finite():
    r = np.array([[np.nan, np.inf, 1.0]])
    assert distance({"y": r}, {"y": r.copy()}).max_abs_error == 0
    assert distance({"y": r}, {"y": r * np.nan}).max_abs_error == np.inf
    with pytest.raises(ShapeMismatchError):
        distance({"y": r}, {"y": r[:, :2]})
