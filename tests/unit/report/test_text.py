import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.report import text

shares = st.floats(0, 1)
anything = st.text(st.characters(), max_size=80)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "-"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.9667, "96.7 %"),
        (0.99999, ">99.9 %"),
        (1e-9, "<0.1 %"),
    ],
)
def test_a_share_reads_as_percent_with_one_decimal(share, shown):
    assert text.percent(share) == shown


@given(shares)
def test_only_what_is_exact_reads_as_nothing_or_all(share):
    shown = text.percent_cell(share)
    assert (shown == "0.0 %") == (share == 0)
    assert (shown == "100.0 %") == (share == 1)


@given(shares, shares)
def test_a_change_has_its_sign_unless_it_rounds_to_zero(before, after):
    shown = text.points(after - before)
    if shown == "0.0":
        assert abs(after - before) <= 0.0005
    else:
        assert shown[0] == ("+" if after > before else "-")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.0, "0"), (4.23e-7, "4.2e-07"), (0.99, "9.9e-01")],
)
def test_an_error_reads_in_scientific_notation(value, shown):
    assert text.scientific(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (43_512, "43.5 kB"),
        (999_999, "1000 kB"),
        (5 * 10**16, "50000 TB"),
    ],
)
def test_sizes_read_in_decimal_units(value, shown):
    assert text.size(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (1.94e-05, "19.4 \u00b5s"),
        (0.25, "250 ms"),
        (3.0, "3 s"),
        (90, "1.5 min"),
        (0, "0 s"),
    ],
)
def test_durations_read_in_a_fitting_unit(value, shown):
    assert text.duration(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "1.000"), (0.0123, "0.012"), (3.1e-10, "3e-10")]
)
def test_p_values(value, shown):
    assert text.probability(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (1234.0, "1,234"), (0.12345, "0.1235"), (float("inf"), "inf")],
)
def test_plain_numbers(value, shown):
    assert text.number(value) == shown


@given(anything, st.integers(6, 60))
def test_shortened_text_fits_and_keeps_both_ends(name, width):
    name = text.one_line(name)
    shown = text.shorten(name, width)
    assert text.columns(shown) <= width
    if shown != name:
        head, _, tail = shown.partition("...")
        assert name.startswith(head)
        assert name.endswith(tail)


@given(anything)
def test_cleaned_text_is_writable_and_hides_nothing(name):
    cleaned = text.clean(name)
    cleaned.encode()
    assert not re.search("[\x00-\x08\x1b\x7f\u202a-\u202e\u2066-\u2069]", cleaned)
    assert "\n" not in text.one_line(name)


@given(anything)
def test_what_hides_nothing_is_kept(name):
    assume(all(char.isprintable() for char in name))
    assert text.clean(name) == name


@given(anything)
def test_slugs_are_ids(name):
    assert re.fullmatch(r"[a-z0-9_-]{1,60}", text.slug(name))


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((), ""),
        (("a",), "a"),
        (("a", "b"), "a and b"),
        (("a", "b", "c", "d"), "a, b, c and d"),
        (("a", "b", "c", "d", "e"), "a, b, c and 2 more"),
    ],
)
def test_names_in_a_sentence(names, shown):
    assert text.listing(names) == shown
