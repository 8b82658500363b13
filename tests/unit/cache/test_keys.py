"""A key says all that it is made of, and the same in every process."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from harness.cache import key_of
from harness.core.specs import GoldenSpec, Suite, VariantSpec


@dataclass(frozen=True)
class Parts:
    a: int = 1
    b: tuple = ()


SUITE = Suite(
    Path("/s/quality.toml"),
    "s",
    "tensor",
    "r",
    GoldenSpec(Path("/s/data")),
    (VariantSpec("r", "original", Path("/s/r.onnx")),),
)


def test_a_key_names_its_kind_and_is_the_same_everywhere():
    known = "states-2010945388e2de98f5651051478912aa4ff38bb13a2cdb1a2c257bb97fbf98ff"
    assert key_of("states", 1, "a") == known


def test_the_order_of_a_mapping_does_not_matter_and_that_of_a_list_does():
    assert key_of("k", {"a": 1, "b": 2}) == key_of("k", {"b": 2, "a": 1})
    assert key_of("k", [1, 2]) != key_of("k", [2, 1])
    assert key_of("k", {"b", "a"}) == key_of("k", {"a", "b"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (1, True),
        (None, "None"),
        (None, 0),
        (1, 1.5),
        (Path("a"), "a"),
        (date(2026, 1, 1), date(2026, 1, 2)),
        ((), None),
        ({}, ()),
        (Parts(), Parts(a=2)),
        (Parts(), Parts(b=(1,))),
        (0.1, 0.30000000000000004 / 3 + 1e-17),
        (("a", "b"), ("ab",)),
        (SUITE, replace(SUITE, min_slice=7)),
    ],
)
def test_what_differs_has_another_key(one, other):
    assert key_of("k", one) != key_of("k", other)
    assert key_of("k", one) == key_of("k", one)


def test_nan_and_infinity_have_keys():
    assert len({key_of("k", float(x)) for x in ("nan", "inf", "-inf", "0")}) == 4
