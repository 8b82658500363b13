"""Reading ahead changes when items are made, and nothing else."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.run.ahead import ahead


def test_items_come_in_order():
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead(iter([]))) == []


def test_the_next_item_is_made_while_one_is_used():
    made = threading.Event()

    def items():
        yield "first"
        made.set()
        yield "second"

    stream = ahead(items())
    assert next(stream) == "first"
    assert made.wait(timeout=10)
    assert list(stream) == ["second"]


def test_an_error_comes_where_its_item_would_have():
    def items():
        yield 1
        raise ValueError("the second item")

    stream = ahead(items())
    assert next(stream) == 1
    with pytest.raises(ValueError, match="the second item"):
        next(stream)


@given(weights=st.lists(st.integers(0, 9), max_size=30), budget=st.integers(0, 40))
def test_what_waits_weighs_no_more_than_its_budget_and_one(weights, budget):
    made = []

    def items():
        for index, weight in enumerate(weights):
            made.append(weight)
            yield index, weight

    used = []
    for index, weight in ahead(items(), lambda item: item[1], budget):
        used.append(index)
        # One is with its user, one was made when there was room for it, one is made.
        waiting = made[len(used) :]
        assert sum(waiting[:-2]) <= budget
        assert weight == weights[index]
    assert used == list(range(len(weights)))


def test_bursts_are_made_behind_many_items():
    """A block of four items comes at a time; its making is waited for no more."""
    started = threading.Event()

    def items():
        for index in range(8):
            if index == 4:
                started.set()
            yield index

    stream = ahead(items(), lambda _: 1, budget=8)
    assert next(stream) == 0
    assert started.wait(timeout=10)
    assert list(stream) == list(range(1, 8))


def test_leaving_early_stops_reading():
    seen = []

    def items():
        for index in range(1000):
            seen.append(index)
            yield index

    stream = ahead(items())
    next(stream)
    stream.close()
    assert len(seen) <= 2
