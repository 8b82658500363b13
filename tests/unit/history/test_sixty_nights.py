"""Sixty simulated nights: planted changes are found and named, and none is invented."""

from dataclasses import replace

import numpy as np
import pytest

from harness.history.database import History
from harness.history.trends import read_trend

NIGHTS = 60
PLANTED = (15, 30, 45)


@pytest.fixture
def told(nights, tmp_path):
    """The trend over a list of nights, as kept in a file and read back."""

    def tell(run_by, seed, **settings):
        rng = np.random.default_rng(seed)
        file = tmp_path / f"{seed}-{len(list(tmp_path.iterdir()))}.sqlite"
        with History(file, create=True) as history:
            # Nobody waits for a simulated night's disk.
            history._connection.execute("PRAGMA synchronous = OFF")
            for index, night in enumerate(run_by):
                history.add(nights.report(night, index, rng))
            return read_trend(history, "digits", last=1000, nights=7, **settings)

    return tell


def planted(nights):
    """A worse model, then another runtime, then a machine without AVX-512."""
    night = nights.Night()
    worse = {"accuracy": 0.921, "worst_recall": 0.806, "verdict": "failed"}
    first = replace(night, model="model 2", **worse)
    second = replace(first, runtime="1.31.1", max_error=2.1e-5, sqnr=86.0)
    third = replace(second, flags=("avx2", "fma"), seconds=3.6e-4)
    steps = (night, first, second, third)
    return [steps[sum(index >= at for at in PLANTED)] for index in range(NIGHTS)]


def turns_of(trend, name="onnx-int8"):
    variant = next(v for v in trend.variants if v.name == name)
    return {
        turn.index: (
            {
                s.metric
                for s in variant.series
                for c in s.changes
                if c.index == turn.index
            },
            [difference.what for difference in turn.differences],
        )
        for turn in variant.turns
    }


@pytest.mark.parametrize("seed", range(12))
def test_each_planted_change_is_found_at_its_night_with_what_changed(
    nights, told, seed
):
    found = turns_of(told(planted(nights), seed))
    assert tuple(found) == PLANTED
    assert found[15][0] >= {"accuracy", "worst_recall", "verdict"}
    assert found[30][0] == {"max_error", "sqnr"}
    assert found[45][0] == {"seconds"}
    assert found[15][1] == ["model", "git commit"]
    assert found[30][1] == ["runtime version", "package onnxruntime", "git commit"]
    assert found[45][1] == ["CPU flags", "git commit"]


@pytest.mark.parametrize("seed", range(100, 112))
def test_quiet_nights_have_no_change(nights, told, seed):
    rng = np.random.default_rng(seed)
    kinds = [{"seconds": 0.01, "max_error": 0.3}, {"seconds": 0.3, "max_error": 0.0}]
    night = replace(nights.Night(), wobble=kinds[int(rng.integers(2))])
    trend = told([night] * NIGHTS, seed)
    assert turns_of(trend) == {}
    assert turns_of(trend, "keras") == {}


def test_the_first_bad_run_is_where_the_present_failing_began(nights, told):
    trend = told(planted(nights), 0)
    (variant,) = (v for v in trend.variants if v.name == "onnx-int8")
    assert variant.first_bad.index == 15
    assert variant.first_bad.differences[0].what == "model"
    assert variant.first_bad.differences[0].after == nights.digest("model 2")


def test_a_failing_that_was_mended_is_no_first_bad_run(nights, told):
    good = nights.Night()
    bad = replace(good, verdict="failed", accuracy=0.9)
    trend = told([good] * 8 + [bad] * 2 + [good] * 6, 0)
    assert all(v.first_bad is None for v in trend.variants)
    (variant,) = (v for v in trend.variants if v.name == "onnx-int8")
    accuracy = next(s for s in variant.series if s.metric == "accuracy")
    assert [(c.index, c.better) for c in accuracy.changes] == [(8, False), (10, True)]


def test_nights_that_were_not_run_break_neither_series_nor_failing(nights, told):
    good = nights.Night()
    bad = replace(good, verdict="failed", accuracy=0.9)
    gone = replace(bad, status="skipped")
    trend = told([good, good, gone, bad, gone, bad], 0)
    (variant,) = (v for v in trend.variants if v.name == "onnx-int8")
    assert variant.first_bad.index == 3


def test_the_newest_run_is_held_against_a_week_ago_and_the_accepted_one(
    nights, tmp_path
):
    rng = np.random.default_rng(5)
    with History(tmp_path / "h.sqlite", create=True) as history:
        for index, night in enumerate(planted(nights)):
            history.add(nights.report(night, index, rng))
        history.accept("digits", 10)
        trend = read_trend(history, "digits", last=60, nights=20)
    accepted, back = trend.since
    assert (accepted.title, accepted.run.id) == ("accepted", 10)
    assert {m.metric for m in accepted.moves} >= {"accuracy", "max_error", "seconds"}
    assert not any(move.better for move in accepted.moves)
    assert back.run.id == 40
    assert {move.metric for move in back.moves} == {"seconds"}
    assert trend.notices == ()
