from __future__ import annotations

import pytest

from harness.core.errors import SuiteError
from harness.suite import load_suite, load_waivers

WAIVER = """\
# Known and being worked on.
[[waiver]]
variant = "int8"
check = "per_class_recall"
part = "8"
why = "retrained next week"
who = "Ann"
until = 2030-01-31

[[waiver]]
variant = "int8"
check = "accuracy"
why = "the same"
who = "Ann"
until = "2030-02-28"
"""


@pytest.fixture
def waived(write, plain):
    def waived(text, name="waivers.toml"):
        path = write(plain)
        (path.parent / name).write_text(text, encoding="utf-8")
        return load_waivers(load_suite(path))

    return waived


def test_they_are_read_from_the_file_beside_the_suite(waived):
    first, second = waived(WAIVER)
    assert (first.variant, first.check, first.part) == ("int8", "per_class_recall", "8")
    assert (first.until, first.line) == ("2030-01-31", 2)
    assert (second.part, second.until, second.line) == (None, "2030-02-28", 10)


def test_a_suite_without_the_file_has_none(write, plain):
    assert load_waivers(load_suite(write(plain))) == ()


def test_another_file_can_be_named(write, plain):
    path = write(plain.replace("[suite]", '[suite]\nwaivers = "known.toml"', 1))
    (path.parent / "known.toml").write_text(WAIVER, encoding="utf-8")
    assert len(load_waivers(load_suite(path))) == 2


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('variant = "int8"', 'variant = "int9"', "'waiver[0].variant' is 'int9'"),
        ('variant = "int8"', 'variant = "keras"', "'waiver[0].variant' is 'keras'"),
        ('check = "per_class_recall"', 'check = "recall"', "'waiver[0].check'"),
        ('why = "retrained next week"', 'why = " "', "'waiver[0].why'"),
        ('who = "Ann"\n', "", "'waiver[0].who' is missing"),
        ("until = 2030-01-31", 'until = "soon"', "'waiver[0].until' is 'soon'"),
        ("until = 2030-01-31", "until = 2030-01-31T10:00:00", "'waiver[0].until'"),
        ("until = 2030-01-31\n", "", "'waiver[0].until' is missing"),
        ('part = "8"', "class = 8", "unknown key 'waiver[0].class'"),
        ("[[waiver]]", "[[waivers]]", "unknown key 'waivers'"),
    ],
)
def test_a_wrong_entry_is_named(waived, old, new, what):
    with pytest.raises(SuiteError) as caught:
        waived(WAIVER.replace(old, new, 1))
    assert what in caught.value.message
    assert "waivers.toml" in caught.value.message
    assert caught.value.hint
