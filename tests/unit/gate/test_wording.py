"""Numbers as a release manager reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate.wording import counted, listed, percent, points, scientific
from harness.report.text import percent as percent_of_the_report


def test_numbers():
    assert percent(0.9972) == "99.7 %"
    assert percent(0.9999997) == ">99.9 %"
    assert percent(1e-5) == "<0.1 %"
    assert (percent(0.0), percent(1.0)) == ("0 %", "100 %")
    assert scientific(4.17e-7) == "4.2e-07"
    assert points(-0.0028) == "-0.3 points"
    assert points(-0.0) == "+0.0 points"


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [
        (1, "sample", "1 sample"),
        (1200, "sample", "1,200 samples"),
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
    ],
)
def test_counts(n, noun, text):
    assert counted(n, noun) == text


def test_lists_are_short():
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


@given(st.floats(0.0, 1.0))
def test_a_share_reads_as_in_the_report(share):
    assert percent(share) == percent_of_the_report(share)
