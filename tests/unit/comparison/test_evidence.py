"""What the shape of an error says: permutations, borders, shifts."""

from itertools import pairwise

import numpy as np
import pytest

from harness.comparison.streaming import OutputMetric


def compare(r, c, cuts=()):
    metric = OutputMetric("r", "c")
    edges = [0, *cuts, len(r)]
    for start, stop in pairwise(edges):
        metric.update(r[start:stop], c[start:stop], slice(start, stop))
    return metric.result()


def maps(shape=(6, 3, 12, 12), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_permutation_leaves_sorted_values_alone():
    r = maps((20, 30))
    c = r[:, np.random.default_rng(1).permutation(30)]
    found = compare(r, c)
    assert found.max_abs_error > 1
    assert found.sorted_max_abs_error == 0


def test_a_permutation_of_samples_does_not_hide():
    r = maps((20, 30))
    assert compare(r, r[::-1]).sorted_max_abs_error > 0


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (-1, 1), (-1, -1), (1, 1)])
def test_shift_moves_the_candidate_onto_the_reference(layout, shift):
    r = maps()
    c = np.roll(r, (-shift[0], -shift[1]), axis=(2, 3))
    if layout == "NHWC":
        r, c = (np.ascontiguousarray(x.transpose(0, 2, 3, 1)) for x in (r, c))
    assert compare(r, c).best_shift == shift


def test_a_deep_map_is_told_by_its_square_sides():
    r = maps((4, 8, 8, 64))
    assert compare(r, np.roll(r, -1, axis=2)).best_shift == (0, 1)


def test_noise_does_not_shift():
    r = maps()
    assert compare(r, r + maps(seed=1) * 0.1).best_shift == (0, 0)


def test_border_share():
    r = maps()
    c = r.copy()
    c[:, :, 0, :] += 1
    assert compare(r, c).border_share == pytest.approx(1.0, abs=1e-6)
    c = r.copy()
    c[:, :, 5, 5] += 1
    assert compare(r, c).border_share == pytest.approx(0.0, abs=1e-6)
    assert compare(r, r + 1).border_share == pytest.approx(44 / 144, rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((9, 10), "rank 4"), ((9, 5, 6, 5), "one length"), ((9, 1, 2, 2), "under 3")],
)
def test_outputs_without_space(shape, reason):
    r = maps(shape)
    found = compare(r, r + 1)
    assert found.border_share is None
    assert reason in found.unscored["border_share"]
    assert reason in found.unscored["best_shift"]
    assert found.sorted_max_abs_error == pytest.approx(1, abs=1e-5)


def test_no_error_points_nowhere():
    r = maps()
    found = compare(r, r.copy())
    assert found.best_shift is None
    assert found.unscored["best_shift"] == "no error there"


def test_only_the_first_64_samples_are_looked_at_however_they_come():
    r = maps((100, 10))
    c = r.copy()
    c[64:] += 5
    assert compare(r, c).sorted_max_abs_error == 0
    c[63] += 1
    whole, parts = compare(r, c), compare(r, c, cuts=[10, 60, 65])
    assert whole.sorted_max_abs_error == pytest.approx(1, abs=1e-5)
    assert whole.sorted_max_abs_error == parts.sorted_max_abs_error


def test_samples_with_nan_are_left_out():
    r = maps((8, 10))
    c = r + np.float32(0.5)
    c[0, 0] = np.nan
    assert compare(r, c).sorted_max_abs_error == pytest.approx(0.5, abs=1e-5)
    found = compare(r, r * np.nan)
    assert found.sorted_max_abs_error is None
    assert found.unscored["sorted_max_abs_error"] == "no finite sample among the first"


def test_one_element_a_sample_has_no_order():
    found = compare(maps((9, 1)), maps((9, 1), 1))
    assert found.unscored["sorted_max_abs_error"] == "a sample has one element"
