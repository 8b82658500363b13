"""Where levels move: what is planted is found, and noise is left alone."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.history.levels import changes, noise, partition

NOISES = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "heavy tails": lambda rng, n: rng.standard_t(4, n),
    "skewed": lambda rng, n: rng.gamma(4, 1, n),
    "counts": lambda rng, n: rng.binomial(360, 0.98, n) / 360,
}


@pytest.mark.parametrize("n", [2, 5, 16, 30, 60, 200])
@pytest.mark.parametrize("kind", NOISES)
def test_noise_alone_is_no_change(kind, n):
    """At most one invented change in two hundred histories."""
    rng = np.random.default_rng(n)
    invented = sum(bool(changes(NOISES[kind](rng, n))) for _ in range(200))
    assert invented <= 1


def test_steps_of_eight_sigma_are_found_at_their_night():
    rng = np.random.default_rng(1)
    right = 0
    for _ in range(100):
        values = rng.normal(0, 1, 60)
        values[15:] += 8
        values[30:] -= 8
        values[45:] += 8
        right += changes(values) == [15, 30, 45]
    assert right >= 98


def test_a_lone_spike_is_no_level():
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1, 60)
    values[[20, 41]] += 30
    assert changes(values) == []


@pytest.mark.parametrize("at", [1, 7, 29])
def test_of_numbers_that_repeat_a_step_counts_at_once(at):
    assert changes(np.array([0.967] * at + [0.921] * (30 - at))) == [at]


def test_of_numbers_that_repeat_a_lone_stray_does_not_count():
    values = np.full(60, 0.967)
    values[20] = 0.964
    assert changes(values) == []
    # Where there are strays, a step waits until it cannot be one of them.
    values[59] = 0.964
    assert changes(values) == []
    values[50:] = 0.921
    assert changes(values) == [50]


def test_constants_and_single_runs_have_no_change():
    assert changes(np.full(60, 0.1 + 0.2)) == []
    assert changes(np.array([1.0])) == []
    assert changes(np.array([])) == []


def test_rounding_is_no_step():
    values = np.array([0.3] * 10 + [0.1 + 0.2] * 10)
    assert changes(values) == []


def test_noise_is_a_standard_deviation_that_steps_do_not_touch():
    values = np.random.default_rng(3).normal(0, 2.5, 4000)
    values[1000:] += 100
    assert noise(values) == pytest.approx(2.5, rel=0.1)


@given(
    arrays(np.float64, st.integers(1, 9), elements=st.integers(-4, 4)),
    st.integers(1, 3),
)
def test_the_partition_is_the_best_of_all(values, shortest):
    n, penalty = len(values), 3.0

    def cost(start, end):
        return float(((values[start:end] - values[start:end].mean()) ** 2).sum())

    def total(starts):
        edges = [0, *starts, n]
        pieces = list(itertools.pairwise(edges))
        if len(pieces) > 1 and min(b - a for a, b in pieces) < shortest:
            return np.inf
        return sum(itertools.starmap(cost, pieces)) + penalty * len(starts)

    def costs(end):
        return np.array([cost(start, end) for start in range(end)])

    found = partition(costs, n, penalty, shortest)
    every = [
        total(starts)
        for count in range(n)
        for starts in itertools.combinations(range(1, n), count)
    ]
    assert total(found) == pytest.approx(min(every))
