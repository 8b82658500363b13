"""Exact tests against scipy's and against definitions spelt out."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.gate.statistics import (
    binomial_tail,
    holm,
    least_significant_loss,
    mcnemar_one_sided,
)

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


def closed_holm(p_values):
    """Holm as the closure of Bonferroni: the worst of all subsets that hold i."""
    k = len(p_values)
    adjusted = []
    for i in range(k):
        worst = 0.0
        for mask in range(1 << k):
            if mask >> i & 1:
                chosen = [p_values[j] for j in range(k) if mask >> j & 1]
                worst = max(worst, min(1.0, len(chosen) * min(chosen)))
        adjusted.append(worst)
    return adjusted


@given(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.2, 0.5, 1.0]), max_size=7))
@settings(max_examples=60, deadline=None)
def test_holm_with_ties_is_the_closed_test(p_values):
    assert holm(p_values) == pytest.approx(closed_holm(p_values))


def test_holm_does_not_mind_the_order():
    p_values = [0.01, 0.04, 0.04, 0.005]
    by_value = dict(zip(p_values, holm(p_values), strict=True))
    for order in permutations(p_values):
        assert holm(order) == tuple(by_value[p] for p in order)
    assert holm([]) == ()


@given(st.integers(0, 60), st.integers(1, 1000), st.sampled_from([0.05, 0.01, 0.001]))
@settings(max_examples=60, deadline=None)
def test_the_least_loss_is_the_first_that_holm_rejects(n, n_tests, alpha):
    proven = [
        lost
        for lost in range(1, n + 1)
        if holm([mcnemar_one_sided(lost, 0)] + [1.0] * (n_tests - 1))[0] < alpha
    ]
    expected = min(proven, default=None)
    assert least_significant_loss(n, n_tests, alpha) == expected


def test_what_36_samples_of_10_classes_can_show():
    assert least_significant_loss(36, 10, 0.01) == 10
    assert least_significant_loss(9, 10, 0.01) is None


def test_without_a_change_alarms_are_as_rare_as_promised(make):
    """10 classes of 36, each sample flips either way with equal chance."""
    from harness.core.specs import GateSpec
    from harness.gate.classes import judge_classes

    rng = np.random.default_rng(20240229)
    limits, runs, alarms = GateSpec(max_recall_drop=0.0, alpha=0.05), 2000, 0
    for moved in rng.binomial(36, 0.3, (runs, 10)):
        lost = rng.binomial(moved, 0.5)
        classes = [
            make.one_class(str(i), 36, int(a), int(b - a))
            for i, (a, b) in enumerate(zip(lost, moved, strict=True))
        ]
        alarms += any(c.verdict == "fail" for c in judge_classes(classes, limits))
    # Five standard errors above alpha; the exact test stays below it.
    assert alarms / runs < 0.05 + 5 * (0.05 * 0.95 / runs) ** 0.5
    assert alarms > 0


def test_a_real_drop_is_found(make):
    from harness.core.specs import GateSpec
    from harness.gate.classes import judge_classes

    rng = np.random.default_rng(7)
    limits, found = GateSpec(max_recall_drop=0.02), 0
    for _ in range(200):
        lost, won = rng.binomial(36, 0.6), rng.binomial(2, 0.5)
        classes = [make.one_class("broken", 36, int(lost), int(won))]
        classes += [make.one_class(str(i), 36) for i in range(9)]
        judged = judge_classes(classes, limits)
        found += judged[0].verdict == "fail"
        assert {c.verdict for c in judged[1:]} == {"pass"}
    assert found > 190
