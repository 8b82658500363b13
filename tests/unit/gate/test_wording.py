"""Numbers as a release manager reads them."""

import pytest

from harness.gate.wording import counted, listed, percent, points, scientific


def test_numbers():
    assert percent(0.9972) == "99.7 %"
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
