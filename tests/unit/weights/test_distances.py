import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from harness.weights.difference import difference
from harness.weights.distances import distances

PAIRS = st.integers(1, 80).flatmap(
    lambda n: st.tuples(
        *[hnp.arrays(np.float32, n, elements=st.floats(-99, 99, width=32))] * 2
    )
)


@given(PAIRS)
def test_distances_are_those_of_scipy(pair):
    r, c = pair
    found = distances(r, c)
    wide = r.astype(np.float64), c.astype(np.float64)
    assert found.wasserstein == pytest.approx(
        stats.wasserstein_distance(*wide), rel=1e-9, abs=1e-12
    )
    with warnings.catch_warnings():
        # Of its p-value, which is not asked for.
        warnings.simplefilter("ignore", RuntimeWarning)
        gap = stats.ks_2samp(*wide).statistic
    assert found.ks == pytest.approx(gap)
    assert found.psi >= 0
    assert found.wasserstein <= difference(r, c).mean_abs_error + 1e-12


def test_stability_index_by_its_definition():
    r = np.arange(1000.0)
    c = np.where(r < 100, r + 900, r)
    found = distances(r, c)
    tenth, fifth, none = 0.1, 0.2, 0.5 / 1000
    moved = (fifth - tenth) * np.log(fifth / tenth)
    left = (none - tenth) * np.log(none / tenth)
    assert found.psi == pytest.approx(moved + left, rel=1e-3)


def test_distances_of_large_tensors_are_near_the_exact_ones():
    rng = np.random.default_rng(0)
    r = rng.standard_normal((1000, 300)).astype(np.float32)
    c = r * np.float32(1.2) + np.float32(0.05)
    found = distances(r, c)
    exact = stats.ks_2samp(r.ravel(), c.ravel(), method="asymp").statistic
    assert found.ks == pytest.approx(exact, abs=0.01)
    area = stats.wasserstein_distance(r.ravel(), c.ravel())
    assert found.wasserstein == pytest.approx(area, rel=0.05)


def test_distances_leave_out_what_is_not_finite():
    r = np.array([1, np.nan, 3], np.float32)
    assert distances(r, np.array([1, 2, 3], np.float32)).ks == 0
    assert distances(r[1:2], r[1:2]) is None
