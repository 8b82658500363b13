from __future__ import annotations

from threading import Barrier, BoundedSemaphore

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import InferenceError
from harness.core.protocols import TensorSpec
from harness.run import Predictor

sizes = st.integers(1, 9)


@given(n=st.integers(1, 30), batch_size=sizes, start=st.integers(0, 50))
def test_batches_are_those_of_a_plain_loop(fakes, n, batch_size, start):
    x = fakes.samples(n)
    session = fakes.Session(answer=lambda x: 2 * x)
    answers = fakes.predictor(session, batch_size).predict(
        {"x": x}, slice(start, start + n)
    )
    expected = [x[i : i + batch_size] for i in range(0, n, batch_size)]
    assert len(session.batches) == len(expected)
    for got, want in zip(session.batches, expected, strict=True):
        np.testing.assert_array_equal(got, want)
    assert session.rows[0].start == start
    assert session.rows[-1].stop == start + n
    np.testing.assert_array_equal(answers["y"], 2 * x)


@given(n=st.integers(1, 30), fixed=sizes)
def test_a_fixed_batch_is_padded_and_its_answers_are_cut(fakes, n, fixed):
    x = fakes.samples(n)
    session = fakes.Session(batch_size=fixed)
    answers = fakes.predictor(session, 7).predict({"x": x}, slice(0, n))
    assert {len(batch) for batch in session.batches} == {fixed}
    last = session.batches[-1]
    np.testing.assert_array_equal(last[-1], x[-1])  # the last sample is repeated
    np.testing.assert_array_equal(answers["y"], -x)


def test_the_batch_size_of_the_model_wins(fakes):
    assert fakes.predictor(fakes.Session(batch_size=3), 32).batch_size == 3
    assert fakes.predictor(fakes.Session(), 32).batch_size == 32


@given(n=st.integers(1, 30), start=st.integers(0, 5))
def test_a_recording_is_asked_in_one_go(fakes, n, start):
    recorded = fakes.samples(start + n)
    session = fakes.Recording(recorded)
    predictor = fakes.predictor(session, 4)
    rows = slice(start, start + n)
    answers = predictor.predict({"x": np.zeros((n, 2))}, rows)
    assert not predictor.fed
    assert session.rows == [rows]
    np.testing.assert_array_equal(answers["y"], recorded[rows])


def test_each_model_input_gets_its_prepared_golden_array(fakes):
    fed = {}

    class Two(fakes.Session):
        def run(self, feeds, _rows):
            fed.update(feeds)
            return {"y": feeds["left"]}

    specs = (TensorSpec("left", "float32", None), TensorSpec("right", "float32", None))
    session = Two(inputs=specs)
    bound = {"a": "left", "b": "right"}
    predictor = Predictor("two", session, bound, lambda array: array / 10, 8)
    inputs = {"a": np.ones(3), "b": np.full(3, 5.0), "unused": np.zeros(3)}
    predictor.predict(inputs, slice(0, 3))
    assert fed.keys() == {"left", "right"}
    np.testing.assert_array_equal(fed["left"], np.full(3, 0.1))
    np.testing.assert_array_equal(fed["right"], np.full(3, 0.5))


def widen_later(x):
    return x if x[0, 0] == 0 else np.concatenate([x, x], axis=1)


def one_column_later(x):
    return x if x[0, 0] == 0 else x[:, :1]


def one_row_later(x):
    return x if x[0, 0] == 0 else x[:1]


def more_rows_later(x):
    return x if x[0, 0] == 0 else np.concatenate([x, x])


def double_later(x):
    return x if x[0, 0] == 0 else x.astype(np.float64)


@pytest.mark.parametrize(
    "answer",
    [widen_later, one_column_later, one_row_later, more_rows_later, double_later],
)
@pytest.mark.parametrize("fixed", [None, 2])
def test_answers_that_change_their_form_are_an_error(fakes, answer, fixed):
    predictor = fakes.predictor(fakes.Session(answer=answer, batch_size=fixed), 2)
    with pytest.raises(InferenceError, match=r"(?s)at sample 12: y .* after .*Hint: "):
        predictor.predict({"x": fakes.samples(6)}, slice(10, 16))


@pytest.mark.parametrize("names", [("y", "z"), ("y",)])
def test_outputs_that_come_or_go_are_an_error(fakes, names):
    class Moody(fakes.Session):
        def run(self, feeds, rows):
            shown = names if rows.start == 0 else ("y", "z", "w")[: 3 - len(names)]
            return dict.fromkeys(shown, feeds["x"])

    predictor = fakes.predictor(Moody(), 2)
    with pytest.raises(InferenceError, match="at sample 2"):
        predictor.predict({"x": fakes.samples(4)}, slice(0, 4))


@pytest.mark.parametrize("n", [3, 6])
@pytest.mark.parametrize("answer", [np.sum, lambda x: x.T, lambda x: x[:1]])
def test_an_output_that_does_not_count_samples_is_an_error(fakes, answer, n):
    predictor = fakes.predictor(
        fakes.Session(answer=lambda x: np.asarray(answer(x))), 3
    )
    with pytest.raises(InferenceError, match=r"output 'y' has shape .* for 3 samples"):
        predictor.predict({"x": fakes.samples(n)}, slice(0, n))


def test_it_counts_samples_and_the_time_of_the_session_alone(fakes):
    predictor = fakes.predictor(fakes.Session(), 2)
    assert (predictor.seconds, predictor.n_samples) == (0.0, 0)
    predictor.predict({"x": fakes.samples(5)}, slice(0, 5))
    first = predictor.seconds
    predictor.predict({"x": fakes.samples(4)}, slice(5, 9))
    assert predictor.n_samples == 9
    assert 0 < first < predictor.seconds


def test_closing_it_closes_the_session(fakes):
    session = fakes.Session()
    fakes.predictor(session).close()
    assert session.closed == 1


@pytest.fixture
def two_beside(fakes, monkeypatch):
    """Two predictors whose sessions only answer while the other one is answering."""
    monkeypatch.setattr("harness.run.predictor._CORES", 2)
    monkeypatch.setattr("harness.run.predictor._core", BoundedSemaphore(2))
    both = Barrier(2, timeout=10)

    def answer(x):
        both.wait()
        return -x

    made = [
        Predictor(
            name, fakes.Session(answer=answer), {"x": "x"}, np.asarray, 2, beside=True
        )
        for name in ("reference", "candidate")
    ]
    yield made
    for one in made:
        one.close()


def test_sessions_that_may_answer_beside_each_other(fakes, two_beside):
    x = fakes.samples(8)
    for start in (0, 4):
        for one in two_beside:
            one.begin({"x": x[start : start + 4]}, slice(start, start + 4))
    for start in (0, 4):
        for one in two_beside:
            np.testing.assert_array_equal(one.collect()["y"], -x[start : start + 4])
    assert all(one.seconds > 0 and one.n_samples == 8 for one in two_beside)


def test_a_failure_beside_others_is_raised_where_it_is_collected(fakes, monkeypatch):
    monkeypatch.setattr("harness.run.predictor._CORES", 2)
    session = fakes.Session(answer=widen_later)
    predictor = Predictor("odd", session, {"x": "x"}, np.asarray, 2, beside=True)
    predictor.begin({"x": fakes.samples(6)}, slice(10, 16))
    with pytest.raises(InferenceError, match="at sample 12"):
        predictor.collect()
    predictor.begin({"x": fakes.samples(6)}, slice(16, 22))
    predictor.close()  # waits for the window under way
