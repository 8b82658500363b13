"""Outputs find each other by name, declaration or value; never by position."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.comparison import pair_outputs
from harness.core.errors import OutputNameError


def outputs(*names, width=10, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((8, width)).astype(np.float32) for name in names}


def test_one_output_meets_one_output():
    candidate = outputs("StatefulPartitionedCall:2")
    assert pair_outputs(outputs("probabilities"), candidate, {}) == {
        "probabilities": "StatefulPartitionedCall:2"
    }


def test_names_go_before_position_and_value():
    reference = outputs("a", "b")
    swapped = {"b": reference["a"], "a": reference["b"]}
    assert pair_outputs(reference, swapped) == {"a": "a", "b": "b"}


def test_declared_pairs_go_before_names():
    both = outputs("a", "b")
    assert pair_outputs(both, both, {"a": "b", "b": "a"}) == {"a": "b", "b": "a"}


def test_a_declared_pair_leaves_the_rest_to_values():
    reference = outputs("a", "b")
    candidate = {"x": reference["b"], "y": reference["a"]}
    assert pair_outputs(reference, candidate, {"a": "y"}) == {"a": "y", "b": "x"}


@given(st.permutations(range(5)), st.floats(0, 0.3))
@settings(max_examples=40, deadline=None)
def test_values_undo_any_order(order, noise):
    reference = outputs("note", "onset", "contour", "extra", "last")
    error = outputs(*reference, seed=1)
    names = list(reference)
    candidate = {
        f"Identity_{i}": reference[names[j]] + noise * error[names[j]]
        for i, j in enumerate(order)
    }
    expected = {names[j]: f"Identity_{i}" for i, j in enumerate(order)}
    assert pair_outputs(reference, candidate) == expected


def test_shapes_alone_can_tell():
    reference = outputs("a") | outputs("b", width=3)
    candidate = outputs("y", width=3, seed=5) | outputs("x", seed=6)
    assert pair_outputs(reference, candidate) == {"a": "x", "b": "y"}


def test_what_only_the_candidate_has_is_left_out():
    reference = outputs("a")
    candidate = outputs("debug", seed=3) | {"b": reference["a"]}
    assert pair_outputs(reference, candidate) == {"a": "b"}


@pytest.mark.parametrize(
    ("candidate", "problem"),
    [
        (outputs("x", "y", seed=1), "values do not tell"),
        (outputs("x", width=4) | outputs("y"), "nothing to pair"),
        (outputs("x"), "nothing to pair"),
        ({}, "nothing to pair"),
    ],
    ids=["unrelated", "another shape", "too few", "none"],
)
def test_what_cannot_be_told_is_an_error(candidate, problem):
    with pytest.raises(OutputNameError, match=problem) as caught:
        pair_outputs(outputs("a", "b"), candidate)
    assert "'a' (8, 10)" in caught.value.message
    assert "outputs = {" in caught.value.hint
    for name, array in candidate.items():
        assert f"{name!r} {array.shape}" in caught.value.message


def test_equal_outputs_are_not_told_apart():
    one = outputs("a")["a"]
    with pytest.raises(OutputNameError, match="values do not tell"):
        pair_outputs({"a": one, "b": one}, {"x": one, "y": one})


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"z": "a"}, "no output 'z'"),
        ({"a": "z"}, "no output 'z'"),
        ({"a": "b", "b": "b"}, "names one output twice"),
    ],
)
def test_declarations_are_checked(declared, problem):
    both = outputs("a", "b")
    with pytest.raises(OutputNameError, match=problem):
        pair_outputs(both, both, declared)


def test_text_pairs_with_text():
    reference = {"label": np.array(["a", "b", "a"]), "score": np.zeros(3)}
    candidate = {"s": np.zeros(3), "l": np.array(["a", "b", "b"])}
    assert pair_outputs(reference, candidate) == {"label": "l", "score": "s"}
