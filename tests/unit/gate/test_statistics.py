"""Exact tests against scipy's and against definitions spelt out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.gate.statistics import binomial_tail, mcnemar_one_sided

counts = st.integers(0, 400)


@given(counts, counts)
def test_mcnemar_is_a_one_sided_binomial_test(lost, won):
    n = lost + won
    expected = binomtest(lost, n, alternative="greater").pvalue if n else 1.0
    assert mcnemar_one_sided(lost, won) == pytest.approx(expected, rel=1e-9)


@given(counts, st.integers(0, 400), st.floats(0.001, 0.999))
def test_binomial_tail_is_scipys(successes, more, probability):
    n = successes + more
    if n == 0:
        assert binomial_tail(0, 0, probability) == 1.0
        return
    expected = binomtest(successes, n, probability, alternative="greater").pvalue
    assert binomial_tail(successes, n, probability) == pytest.approx(expected, rel=1e-8)


def test_an_impossible_move_is_certain_proof():
    assert binomial_tail(1, 360, 0.0) == 0.0
