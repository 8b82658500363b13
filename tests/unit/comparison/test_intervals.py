"""Closed forms against scipy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.comparison.intervals import mcnemar_two_sided, wilson_interval


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(counts):
    k, n = counts
    expected = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(k, n) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("n", [1, 3, 17, 360])
def test_wilson_ends_at_the_share_itself(n):
    assert wilson_interval(0, n)[0] == 0
    assert wilson_interval(n, n)[1] == 1
    assert wilson_interval(0, 0) is None


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_a_binomial_test(lost, won):
    expected = binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert mcnemar_two_sided(lost, won) == pytest.approx(expected, rel=1e-9)
    assert mcnemar_two_sided(lost, won) == mcnemar_two_sided(won, lost)
