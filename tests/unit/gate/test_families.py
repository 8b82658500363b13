"""Families of tests against their definitions and against scipy's."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control

from harness.core.specs import GateSpec
from harness.gate.classes import judge_classes
from harness.gate.families import (
    benjamini_hochberg,
    holm,
    least_losses,
    step_down_mcnemar,
    tails,
)
from harness.gate.statistics import mcnemar_one_sided

P_VALUES = st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.2, 0.5, 1.0]), max_size=7)
MOVES = st.lists(
    st.tuples(st.integers(0, 25), st.integers(0, 12)), min_size=1, max_size=9
)


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


@given(P_VALUES.filter(bool))
def test_benjamini_hochberg_is_scipys(p_values):
    expected = false_discovery_control(p_values)
    assert benjamini_hochberg(p_values) == pytest.approx(expected)


def columns(moves):
    lost, won = np.array(moves, np.int64).T
    return lost, won


@given(MOVES)
def test_step_down_is_its_definition(moves):
    lost, won = columns(moves)
    p_values = [mcnemar_one_sided(*pair) for pair in moves]
    order = sorted(range(len(moves)), key=lambda i: p_values[i])
    expected, floor = {}, 0.0
    for place, index in enumerate(order):
        bound = 0.0
        for other in order[place:]:
            n = sum(moves[other])
            attainable = [mcnemar_one_sided(k, n - k) for k in range(n + 1)]
            bound += max(
                (p for p in attainable if p <= p_values[index] * (1 + 1e-9)),
                default=0.0,
            )
        floor = expected[index] = max(floor, min(1.0, bound))
    found = step_down_mcnemar(lost, won)
    assert found == pytest.approx([expected[i] for i in range(len(moves))])


@given(MOVES)
def test_step_down_lies_between_the_bare_p_value_and_holms(moves):
    p_values = [mcnemar_one_sided(*pair) for pair in moves]
    found = step_down_mcnemar(*columns(moves))
    assert np.all(found >= np.array(p_values) * (1 - 1e-9))
    assert np.all(found <= np.array(holm(p_values)) * (1 + 1e-9))


@given(MOVES, st.randoms(use_true_random=False))
def test_step_down_does_not_mind_the_order(moves, random):
    order = list(range(len(moves)))
    random.shuffle(order)
    found = step_down_mcnemar(*columns(moves))
    shuffled = step_down_mcnemar(*columns([moves[i] for i in order]))
    assert shuffled == pytest.approx(found[order])


def test_classes_in_which_nothing_moved_cost_nothing():
    lost = np.zeros(1000, np.int64)
    lost[7] = 10
    found = step_down_mcnemar(lost, np.zeros(1000, np.int64))
    assert found[7] == pytest.approx(2.0**-10)
    assert np.all(np.delete(found, 7) == 1)


def test_without_a_change_any_alarm_is_as_rare_as_promised():
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(2_000):
        moved = random.poisson(3, size=30)
        lost = random.binomial(moved, 0.5)
        alarms += bool((step_down_mcnemar(lost, moved - lost) < 0.05).any())
    # At most 5 %: 100 of 2,000, and 3.3 standard deviations above.
    assert alarms <= 100 + 33


@given(MOVES, st.sampled_from([0.05, 0.01]))
@settings(max_examples=40)
def test_the_least_loss_is_the_first_that_is_rejected(moves, alpha):
    lost, won = columns(moves)
    least = least_losses(lost, won, alpha)
    for index in range(len(moves)):
        others = [pair for i, pair in enumerate(moves) if i != index]
        for n_lost in (least[index] - 1, least[index]):
            if not 0 < n_lost <= 64:
                continue
            tried = step_down_mcnemar(*columns([*others, (n_lost, 0)]))
            # A class with a smaller p-value goes first, and may clear the way.
            smallest = min((mcnemar_one_sided(*pair) for pair in others), default=1.0)
            first = 0.5**n_lost < smallest
            if first:
                assert (tried[-1] < alpha) == (n_lost >= least[index])


@given(st.integers(0, 300), st.integers(0, 300))
def test_tails_are_scipys(successes, more):
    n = successes + more
    found = tails(np.array([successes]), np.array([n]))[0]
    assert found == pytest.approx(binom.sf(successes - 1, n, 0.5), rel=1e-9)


def test_false_discoveries_take_the_place_of_alpha(make):
    """Eight classes lose a little each: no single one is sure, together they are."""
    classes = [make.one_class(str(i), 50, 5) for i in range(8)]
    family = judge_classes(classes, GateSpec(max_recall_drop=0.02))
    assert {one.verdict for one in family} == {"undecided"}
    limits = GateSpec(max_recall_drop=0.02, false_discoveries=0.05)
    discovered = judge_classes(classes, limits)
    assert {one.verdict for one in discovered} == {"fail"}
    assert discovered[0].p_adjusted == pytest.approx(0.5**5)
