"""Reading ahead changes when items are made, and nothing else."""

import threading

import pytest

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
