"""Expressions over metadata, and slices by columns."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.comparison.batch import ComparisonBatch
from harness.comparison.slicing.expression import Expression
from harness.comparison.slicing.slices import MOST_VALUES, Slices, Slicing
from harness.comparison.tasks.table import make_task
from harness.core.errors import SuiteError
from harness.core.specs import SliceSpec

DATA = {
    "hour": np.array([1, 7, 23, 5]),
    "city": np.array(["Bonn", "Rome", "Bonn", "Oslo"]),
    "wet": np.array([True, False, True, False]),
    "lux": np.array([0.5, np.nan, 100.0, 3.0]),
}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ('hour < 6 and city == "Bonn"', [0]),
        ('city in ("Bonn", "Oslo")', [0, 2, 3]),
        ('city not in ["Bonn"]', [1, 3]),
        ("not wet or hour > 20", [1, 2, 3]),
        ("wet == True", [0, 2]),
        ("0 < hour <= 5", [0, 3]),
        ("hour % 2 == 1 and lux * 2 > 1.5", [2, 3]),
        ("-hour < -6", [1, 2]),
        ("hour // 8 - 1 >= 1", [2]),
        ("lux == lux", [0, 2, 3]),
        ("1 < 2", [0, 1, 2, 3]),
        ("hour in ()", []),
    ],
)
def test_what_an_expression_chooses(text, chosen):
    mask = Expression("x", text).mask(DATA, 4)
    assert mask.dtype == bool
    assert np.flatnonzero(mask).tolist() == chosen


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "hour.real",
        "hour[0]",
        "(lambda: 1)()",
        "[h for h in hour]",
        "hour ** 9999999",
        "hour := 3",
        "hour if wet else 0",
        "f'{hour}'",
        "hour @ hour",
        "hour << 99",
        "hour & 1",
        "city == b'x'",
        "hour == None",
        "hour == 1j",
        "hour is 1",
        "{1: 2}",
        "{hour}",
        "*hour",
        "hour == " + "9" * 30,
        "",
        "hour <",
        "1; 2",
        "hour < 1\nhour > 2",
        "(" * 300 + "1" + ")" * 300,
        "not " * 100 + "wet",
        " + ".join(["hour"] * 150) + " > 1",
        "hour < 1" + " " * 2000,
        "\x00",
    ],
)
def test_hostile_and_broken_expressions_are_refused(text):
    with pytest.raises(SuiteError, match="slice 'x', character") as caught:
        Expression("x", text)
    assert "columns, numbers" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("year > 1", "no column 'year'"),
        ("hour + 1", "is a value and no condition"),
        ('hour == "6"', "text is held against a number"),
        ("city > 3", "text is held against a number"),
        ("city + 1 == 2", "arithmetic needs numbers"),
        ("-city == 2", "arithmetic needs numbers"),
        ("hour and wet", "join conditions"),
        ("hour == (1, 2)", "a list stands behind in"),
        ("city in city", "in needs a list"),
    ],
)
def test_what_does_not_fit_the_columns_is_said_with_its_place(text, message):
    with pytest.raises(SuiteError, match=message):
        Expression("x", text).mask(DATA, 4)


def test_the_position_of_a_mistake_is_told():
    with pytest.raises(SuiteError, match=r"character 13 of 'hour < 6 or city.x'"):
        Expression("x", "hour < 6 or city.x")


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(SuiteError):
        assert Expression("x", text).mask(DATA, 4).shape == (4,)


def sliced(slicing, metadata, n):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(n, 3))
    slices = Slices(slicing, lambda: make_task("classification"))
    batch = ComparisonBatch(
        slice(0, n), {"s": scores}, {"s": scores}, rng.integers(0, 3, n), None
    )
    slices.update(
        ComparisonBatch(
            batch.rows,
            batch.reference,
            batch.candidate,
            batch.labels,
            None,
            {},
            metadata,
        )
    )
    return slices.result()


def test_crossed_columns_make_a_slice_a_pair_that_occurs():
    metadata = {
        "city": np.array(["a", "a", "b"] * 40),
        "sky": np.array(["wet", "dry", "dry"] * 40),
    }
    spec = SliceSpec("where", by=("city", "sky"))
    parts, notes = sliced(Slicing((spec,), ("city", "sky")), metadata, 120)
    assert [(p.name, p.n) for p in parts] == [
        ("city=a, sky=dry", 40),
        ("city=a, sky=wet", 40),
        ("city=b, sky=dry", 40),
    ]
    assert all(p.unjudged is None for p in parts)
    assert notes == ()


def test_small_slices_are_listed_and_not_judged():
    metadata = {"hour": np.arange(100)}
    specs = (SliceSpec("few", "hour < 9"), SliceSpec("none", "hour > 200"))
    parts, _ = sliced(Slicing(specs, ("hour",), 10), metadata, 100)
    assert [p.unjudged for p in parts] == [
        "9 samples, fewer than 10",
        "0 samples, fewer than 10",
    ]
    assert parts[0].metrics
    assert parts[1].metrics == ()


def test_the_largest_are_shown_and_the_rest_is_said():
    sizes = np.repeat(np.arange(60), np.arange(60) + 1)
    parts, (note,) = sliced(Slicing(), {"cam": sizes}, len(sizes))
    assert len(parts) == 50
    assert {p.n for p in parts} == set(range(11, 61))
    assert "10 more hold 55 samples" in note


def test_a_column_that_names_samples_makes_no_slices():
    n = MOST_VALUES + 1
    parts, (note,) = sliced(Slicing(), {"id": np.arange(n)}, n)
    assert parts == ()
    assert "more than 128 values" in note


def test_groups_and_plain_metadata_make_no_slices_by_themselves():
    metadata = {"group": np.arange(40), "hour": np.arange(40) % 3}
    assert sliced(Slicing(plain=("hour",)), metadata, 40) == ((), ())
