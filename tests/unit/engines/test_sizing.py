from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engines.load import Load
from harness.engines.sizing import Left, workers_worth

QUIET = Load(seconds=1.0, busy=1.0, idle=7.0, held=1e9, free=100e9)
LONG = Left(seconds=1000.0, spans=300, opening=2.0)
loads = st.builds(
    Load,
    seconds=st.floats(0.1, 100),
    busy=st.floats(0, 256),
    idle=st.floats(0, 256),
    held=st.floats(0, 1e12),
    free=st.floats(0, 1e12),
)
lefts = st.builds(
    Left,
    seconds=st.floats(0, 1e6),
    spans=st.integers(1, 10_000),
    opening=st.floats(0, 1000),
)


def test_every_idle_core_gets_work():
    assert workers_worth(QUIET, LONG) == 8


def test_what_keeps_two_cores_busy_takes_two_a_worker():
    assert workers_worth(replace(QUIET, busy=2.0, idle=6.0), LONG) == 4


def test_a_worker_too_many_is_better_than_idle_cores():
    assert workers_worth(replace(QUIET, busy=9.0, idle=7.0), LONG) == 2


@pytest.mark.parametrize(
    ("load", "left"),
    [
        ({"idle": 0.1}, {}),
        ({}, {"seconds": 4.0}),
        ({}, {"seconds": 30.0, "opening": 40.0}),
        ({}, {"spans": 1}),
        ({"busy": 0.1, "idle": 7.9}, {}),
        ({"held": 90e9}, {}),
    ],
    ids=["busy", "short", "slow-to-open", "indivisible", "waiting", "large"],
)
def test_alone_is_as_good(load, left):
    assert workers_worth(replace(QUIET, **load), replace(LONG, **left)) == 1


def test_memory_bounds_them():
    assert workers_worth(replace(QUIET, held=20e9), LONG) == 3


@given(loads, lefts)
def test_no_more_than_there_is_to_do_and_room_for(load, left):
    n = workers_worth(load, left)
    assert 1 <= n <= left.spans
    if n > 1:
        assert n * load.held < load.free
        assert n < 1 + (load.busy + load.idle) / load.busy


@given(loads, lefts, st.floats(1, 100))
def test_a_longer_run_never_has_fewer(load, left, times):
    longer = replace(left, seconds=times * left.seconds)
    assert workers_worth(load, longer) >= workers_worth(load, left)
