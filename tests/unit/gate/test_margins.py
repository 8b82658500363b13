from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.comparison.paired_sums import PairedSums
from harness.gate.clusters import sign_flip_p_value
from harness.gate.margins import loss_interval
from harness.gate.statistics import mcnemar_one_sided


def test_the_example_of_tangos_paper():
    # Table II: b = 12, c = 2, n = 14 + 30: 95 % two-sided interval of (b - c) / n.
    low, high = loss_interval(12, 2, 44, 0.975)
    seen = 10 / 44
    assert low < seen < high
    assert (low, high) == pytest.approx((0.0562, 0.3851), abs=2e-2)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200))
def test_what_was_seen_lies_inside_and_signs_mirror(lost, won, kept):
    n = lost + won + kept
    if n == 0:
        return
    low, high = loss_interval(lost, won, n, 0.95)
    assert -1 <= low <= (lost - won) / n + 1e-9
    assert (lost - won) / n - 1e-9 <= high <= 1
    mirrored = loss_interval(won, lost, n, 0.95)
    assert mirrored == pytest.approx((-high, -low), abs=1e-6)


@pytest.mark.parametrize(("n", "loss"), [(200, 0.02), (1000, 0.01)])
def test_the_upper_limit_is_above_the_truth_as_often_as_promised(n, loss):
    random = np.random.default_rng(3)
    below = 0
    for _ in range(1_000):
        lost, won, _ = random.multinomial(n, [loss + 0.01, 0.01, 0.98 - loss])
        below += loss_interval(int(lost), int(won), n, 0.95)[1] < loss
    assert below <= 50 + 25  # 5 %, and 3.6 standard deviations


@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=14))
def test_single_samples_give_mcnemars_test(signs):
    lost, won = signs.count(1), signs.count(-1)
    expected = mcnemar_one_sided(lost, won) if lost > won else 1.0
    found = sign_flip_p_value(np.array(signs, np.int64))
    assert found == pytest.approx(expected)


def test_ten_views_of_one_photo_are_one_loss():
    together = sign_flip_p_value(np.array([10, -1]))
    apart = sign_flip_p_value(np.array([1] * 10 + [-1]))
    assert together == pytest.approx(0.5)
    assert apart < 0.01


def test_many_groups_are_drawn_and_agree_with_the_exact_test():
    signs = np.array([1] * 40 + [-1] * 20)
    found = sign_flip_p_value(signs)
    assert found == pytest.approx(mcnemar_one_sided(40, 20), abs=2e-3)
    assert sign_flip_p_value(signs) == found


def interval(sums, groups):
    """Of the change of a mean, whole groups being drawn."""
    paired = PairedSums(2, int(groups.max()) + 1)
    paired.update(groups, *sums)
    (metric,) = paired.metrics(lambda sums: {"mean": sums[:, 0] / sums[:, 1]})
    return metric.interval


def test_the_bootstrap_of_a_mean_is_the_normal_interval():
    random = np.random.default_rng(1)
    before = random.normal(size=400)
    after = before + random.normal(0.1, 0.2, size=400)
    sums = [np.stack([side, np.ones(400)], axis=1) for side in (before, after)]
    low, high = interval(sums, np.arange(400))
    change = after - before
    middle, half = change.mean(), 1.96 * change.std() / 20
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=4e-3)


def test_groups_make_the_interval_as_wide_as_it_is():
    random = np.random.default_rng(2)
    moved = np.repeat(random.normal(size=40), 10)
    sums = [np.stack([side, np.ones(400)], axis=1) for side in (np.zeros(400), moved)]
    groups = np.repeat(np.arange(40), 10)
    low, high = interval(sums, np.arange(400))
    wide = interval(sums, groups)
    assert wide[1] - wide[0] > 2.5 * (high - low)
