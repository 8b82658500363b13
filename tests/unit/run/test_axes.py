"""Models that count samples on another axis than the first, or on none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import InferenceError, SuiteError
from harness.core.protocols import TensorSpec
from harness.run import Predictor, find_axes, sample_first

N = 6


@dataclass
class Model:
    """Sums its inputs, wherever they count samples; refuses other forms than told."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    answer: object
    batch_size: int | None = None
    runtime: dict = field(default_factory=lambda: {"backend": "fake"})
    shapes: set = field(default_factory=set)
    closed: bool = False

    def run(self, feeds, _rows):
        for spec in self.inputs:
            fed = feeds[spec.name]
            assert fed.flags.c_contiguous
            assert fed.ndim == len(spec.shape)
            sizes = zip(spec.shape, fed.shape, strict=True)
            assert all(e == g for e, g in sizes if isinstance(e, int))
            self.shapes.add((spec.name, fed.shape))
        return self.answer(**feeds)

    def close(self):
        self.closed = True


def spec(name, *shape):
    return TensorSpec(name, "float32", shape)


def unknown(name):
    return TensorSpec(name, "float32", None)


def samples(*shape, n=N):
    return np.arange(n * np.prod(shape, dtype=int), dtype=np.float32).reshape(n, *shape)


def ask(model, arrays, declared=None, batch_size=None):
    """Answers on all samples, as the pipeline asks for them."""
    bound = {name: name for name in arrays}
    ranks = {name: array.ndim for name, array in arrays.items()}
    axes = find_axes(model, ranks, declared, batch_size)
    session = sample_first(model, axes)
    predictor = Predictor("model", session, bound, np.asarray, batch_size or 4)
    n = len(next(iter(arrays.values())))
    return predictor.predict(arrays, slice(0, n)), session


def time_major(shape=(3, "n", 2), batch_size=None):
    return Model(
        (spec("x", *shape),), (spec("y", *shape),), lambda x: {"y": -x}, batch_size
    )


def test_samples_first_need_nobody_between():
    model = Model((spec("x", "n", 2),), (spec("y", "n", 2),), lambda x: {"y": -x})
    assert ask(model, {"x": samples(2)})[1] is model


@given(fixed=st.sampled_from(["n", None, 1, 2, 4, 8]), n=st.integers(1, 9))
def test_samples_on_axis_1_are_put_first(fixed, n):
    model = time_major((3, fixed, 2))
    x = samples(3, 2, n=n)
    answers, session = ask(model, {"x": x}, declared=1)
    np.testing.assert_array_equal(answers["y"], -x)
    assert answers["y"].flags.c_contiguous
    size = fixed if isinstance(fixed, int) else None
    assert session.batch_size == size
    assert session.outputs == (spec("y", fixed, 3, 2),)
    assert {shape[1] for _, shape in model.shapes} <= {size} if size else True


def test_each_tensor_has_its_own():
    model = Model(
        (spec("x", "n", 3), spec("state", 2, "n", 4)),
        (spec("y", "n", 3), spec("next", 2, "n", 4)),
        lambda x, state: {"y": x + state.sum(axis=(0, 2))[:, None], "next": -state},
    )
    x, state = samples(3), samples(2, 4)
    told = {"state": 1, "next": 1}
    answers, session = ask(model, {"x": x, "state": state}, told)
    np.testing.assert_array_equal(answers["y"], x + state.sum(axis=(1, 2))[:, None])
    np.testing.assert_array_equal(answers["next"], -state)
    assert session.runtime == {
        "backend": "fake",
        "batch_axis.next": 1,
        "batch_axis.state": 1,
    }
    session.close()
    assert model.closed


def test_a_model_without_an_axis_for_samples_is_asked_one_by_one():
    model = Model((spec("x", 3, 2),), (spec("y", 3, 2),), lambda x: {"y": -x}, 3)
    x = samples(3, 2)
    answers, session = ask(model, {"x": x})
    np.testing.assert_array_equal(answers["y"], -x)
    assert session.batch_size == 1
    assert session.outputs == (spec("y", 1, 3, 2),)


def test_a_scalar_input_has_no_axis_for_samples():
    model = Model(
        (spec("x", "n", 2), spec("rate")),
        (spec("y", "n", 2),),
        lambda x, rate: {"y": x * rate},
    )
    x, rate = samples(2), samples()
    answers, _ = ask(model, {"x": x, "rate": rate})
    np.testing.assert_array_equal(answers["y"], x * rate[:, None])
    assert {shape for name, shape in model.shapes if name == "x"} == {(1, 2)}


@pytest.mark.parametrize("told", [spec("y"), unknown("y"), spec("y", 2)])
@pytest.mark.parametrize("declared", [None, 1])
def test_what_is_said_of_one_sample_is_its_own(told, declared):
    """By a fixed batch of 1, or because the suite asks so."""
    first = 1 if declared is None else "n"
    shape = told.shape or ()
    model = Model(
        (spec("x", first, 2),), (told,), lambda x: {"y": np.full(shape, x.sum())}
    )
    x = samples(2)
    answers, _ = ask(model, {"x": x}, batch_size=declared)
    expected = np.broadcast_to(
        x.sum(axis=1).reshape(N, *(1 for _ in shape)), (N, *shape)
    )
    np.testing.assert_array_equal(answers["y"], expected)


def test_an_unknown_rank_that_counts_the_one_sample_is_not_stacked():
    model = Model((spec("x", 1, 2),), (unknown("y"),), lambda x: {"y": -x})
    x = samples(2)
    np.testing.assert_array_equal(ask(model, {"x": x})[0]["y"], -x)


def test_no_axis_can_be_declared_for_an_answer():
    model = Model(
        (spec("x", "n", 2),), (spec("y", 2, 2),), lambda x: {"y": np.diag(x[0])}
    )
    answers, session = ask(model, {"x": samples(2)}, declared={"y": "none"})
    assert session.batch_size == 1
    assert answers["y"].shape == (N, 2, 2)


def test_one_number_for_a_batch_is_refused():
    model = Model((spec("x", "n", 2),), (spec("y"),), lambda x: {"y": x.sum()})
    with pytest.raises(InferenceError, match=r"shape \(\) for 4 samples") as caught:
        ask(model, {"x": samples(2)})
    assert "batch_size = 1" in caught.value.hint


def test_an_answer_without_the_declared_axis_is_told():
    model = Model((spec("x", 3, "n"),), (unknown("y"),), lambda x: {"y": x.sum(axis=0)})
    with pytest.raises(InferenceError, match=r"'y' has shape \(4,\), and no axis 1"):
        ask(model, {"x": samples(3)}, declared=1)


RANKS = {"x": 2, "state": 3}


@pytest.mark.parametrize(
    ("inputs", "declared", "match"),
    [
        (
            [spec("x", "n", 3), spec("state", 2, "n", 4)],
            None,
            r"do not tell.*\(2, n, 4",
        ),
        ([spec("x", 1, 3), spec("state", 2, 1, 4)], None, r"do not tell.*\(2, 1, 4"),
        (
            [spec("x", "n", 3), spec("state", 2, None, 4)],
            {},
            r"do not tell.*\(2, \?, 4",
        ),
        ([spec("x", 5, "batch")], None, r"do not tell.*\(5, batch\)"),
        ([spec("x", 3, 3), spec("state", 5, 2, 4)], 0, r"different numbers.*\(5, 2, 4"),
        ([spec("x", 3, 3), spec("state", 2, 4)], None, r"different numbers.*\(3, 3\)"),
        ([spec("x", "n", 3)], {"z": 1}, "no tensor 'z'"),
        ([spec("x", "n", 3)], 2, r"batch_axis is 2, but 'x' has shape \(n, 3\)"),
        ([], 1, "recorded"),
    ],
)
def test_axes_that_cannot_be_are_refused(inputs, declared, match):
    model = Model(tuple(inputs), (unknown("y"),), None)
    with pytest.raises(SuiteError, match=match) as caught:
        find_axes(model, RANKS, declared)
    assert caught.value.hint


def test_a_free_axis_may_be_as_long_as_a_fixed_one():
    inputs = (spec("x", "n", 3), spec("mask", 1, 3))
    axes = find_axes(Model(inputs, (), None, 1), {"x": 2, "mask": 2})
    assert axes.batch_size == 1
    assert axes.plain
