"""A session in a process of its own: what it answers, and how it ends."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import (
    InferenceError,
    MissingDependencyError,
    ModelLoadError,
    WorkerTimeout,
)
from harness.core.registry import LazyEntry
from harness.run import Lane, stream
from harness.run.isolation import Launch, start

PLAIN = LazyEntry("plain_backend:open_session")


@pytest.fixture
def begin(monkeypatch, tmp_path):
    """Starts a process with the plain backend, which takes the other keywords."""
    monkeypatch.syspath_prepend(Path(__file__).with_name("worker_backend"))
    (tmp_path / "model").touch()
    started = []

    def begin(launch=None, path="model", entry=PLAIN, **options):
        backend = ("plain", entry)
        found = start(launch or Launch("plain"), backend, tmp_path / path, options)
        started.append(found)
        return found

    yield begin
    for found in started:
        found.close()


def rows(n, start=0):
    x = np.arange(2 * n, dtype=np.float32).reshape(n, 2) + start
    return {"x": x}, slice(start, start + n)


def test_it_answers_batches_and_windows(begin):
    session = begin().session()
    feeds, asked = rows(5)
    np.testing.assert_array_equal(session.run(feeds, asked)["y"], 2 * feeds["x"])
    session.begin(feeds, asked, 2)
    answers, seconds = session.collect()
    np.testing.assert_array_equal(answers["y"], 2 * feeds["x"])
    assert 0 < seconds < 1


def test_two_windows_may_be_under_way(begin):
    session = begin().session()
    windows = [rows(4 + n, 10 * n) for n in range(6)]
    session.begin(*windows[0], 3)
    for now, following in zip(windows, [*windows[1:], None], strict=True):
        if following:
            session.begin(*following, 3)
        np.testing.assert_array_equal(session.collect()[0]["y"], 2 * now[0]["x"])


def test_a_fixed_batch_is_padded_on_its_side(begin):
    session = begin(batch_size=4, shape=[4, 2]).session()
    assert session.batch_size == 4
    feeds, asked = rows(10)
    session.begin(feeds, asked, 4)
    np.testing.assert_array_equal(session.collect()[0]["y"], 2 * feeds["x"])


def test_processes_work_at_the_same_time(begin, fakes):
    """The reference and two candidates: a pass takes as long as one of them."""
    sessions = [s.session() for s in [begin(seconds_a_batch=0.1) for _ in range(3)]]
    predictors = [fakes.predictor(session, 2) for session in sessions]
    lanes = {str(n): Lane(predictor) for n, predictor in enumerate(predictors[1:])}
    source = fakes.Source(fakes.samples(16))
    started = time.monotonic()
    (window,) = stream(source, predictors[0], lanes)
    assert time.monotonic() - started < 2 * 0.8
    for answer in (window.reference, *window.candidates.values()):
        np.testing.assert_array_equal(answer["y"], 2 * fakes.samples(16))
    assert all(predictor.seconds >= 0.8 for predictor in predictors)


def test_a_failure_of_the_runtime_keeps_its_kind_and_the_process_goes_on(begin):
    session = begin(refused=4).session()
    feeds, asked = rows(6)
    session.begin(feeds, asked, 2)
    with pytest.raises(InferenceError, match="refused") as caught:
        session.collect()
    assert caught.value.hint == "ask for others"
    np.testing.assert_array_equal(session.run(*rows(3))["y"], 2 * rows(3)[0]["x"])


def test_a_model_that_is_refused_keeps_its_kind(begin):
    with pytest.raises(ModelLoadError, match="nowhere does not exist") as caught:
        begin(path="nowhere").session()
    assert caught.value.hint == "check the path"


def test_variables_and_our_path_reach_it_and_its_words_reach_us(begin, capfd):
    session = begin(Launch("plain", env={"GREETING": "hello"})).session()
    assert session.runtime["greeting"] == "hello"
    assert session.runtime["env.GREETING"] == "hello"
    assert session.runtime["umlaut"] == "ä"
    assert session.runtime["path"].split(":") == sys.path
    session.close()
    assert capfd.readouterr() == ("", "plain: closed\n")


def test_a_backend_that_cannot_be_imported_is_a_missing_one(begin):
    entry = LazyEntry("plain_backend:open_session", requires=("no_such_runtime",))
    with pytest.raises(MissingDependencyError, match="needs no_such_runtime"):
        begin(entry=entry).session()


@pytest.mark.parametrize("limit", [0.3, 1.0])
def test_time_limits_are_kept_closely(begin, limit):
    launch = Launch("plain", timeout=limit)
    session = begin(launch, seconds_a_batch=30).session()
    started = time.monotonic()
    with pytest.raises(WorkerTimeout, match=f"{limit:g} s allowed on samples 7 to 9"):
        session.run(*rows(3, 7))
    assert limit <= time.monotonic() - started < limit + 0.5


def test_a_limit_is_a_batchs_and_not_a_windows(begin):
    launch = Launch("plain", timeout=0.5)
    session = begin(launch, seconds_a_batch=0.1).session()
    feeds, asked = rows(10)
    session.begin(feeds, asked, 1)
    time.sleep(0.5)  # nor does it run while nobody collects
    np.testing.assert_array_equal(session.collect()[0]["y"], 2 * feeds["x"])
    time.sleep(0.6)
    session.run(*rows(1))


def test_a_process_that_died_says_so_again(begin):
    session = begin(Launch("plain", timeout=0.2), seconds_a_batch=30).session()
    for _ in range(2):
        with pytest.raises(WorkerTimeout):
            session.run(*rows(2))
    session.close()
    with pytest.raises(InferenceError, match="closed"):
        session.run(*rows(2))


def test_closing_in_the_middle_of_a_window_does_not_wait(begin):
    session = begin(seconds_a_batch=30).session()
    session.begin(*rows(2), 1)
    started = time.monotonic()
    session.close()
    session.close()
    assert time.monotonic() - started < 1


def test_a_feed_that_cannot_be_handed_over_is_told_and_forgotten(begin):
    session = begin().session()
    with pytest.raises(InferenceError, match="'x' takes an array, got list"):
        session.run({"x": [[1.0, 2.0]]}, slice(0, 1))
    np.testing.assert_array_equal(session.run(*rows(3))["y"], 2 * rows(3)[0]["x"])


def test_starting_returns_at_once(begin):
    started = time.monotonic()
    with closing(begin()):
        assert time.monotonic() - started < 0.1
