from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.weights.magnitudes import (
    N_BUCKETS,
    ZERO_BUCKET,
    MagnitudeCounts,
    bucket_edges,
)

VALUES = hnp.arrays(
    np.float32,
    st.integers(0, 60),
    elements=st.one_of(st.floats(-10, 10, width=32), st.floats(width=32)),
)


def counted(*parts):
    counts = MagnitudeCounts()
    for part in parts:
        counts.update(part)
    return counts


@given(VALUES)
def test_every_element_lies_between_the_edges_of_its_bucket(values):
    found = counted(values).result()
    finite = np.sort(values[np.isfinite(values)].astype(np.float64))
    assert found.n == values.size
    assert found.n_finite == finite.size
    assert found.n_infinite == np.isinf(values).sum()
    edges = bucket_edges()
    at = np.repeat(np.arange(N_BUCKETS), found.counts)
    assert np.all(edges[at] <= finite)
    assert np.all(finite <= edges[at + 1])
    assert np.all(found.values[at] >= edges[at])


@given(VALUES, st.data())
def test_neither_order_nor_blocks_nor_merging_matter(values, data):
    whole = counted(values)
    order = data.draw(st.permutations(range(values.size)))
    cut = data.draw(st.integers(0, values.size))
    shuffled = values[list(order)]
    merged = counted(shuffled[:cut])
    merged.merge(counted(shuffled[cut:].reshape(1, -1)))
    one, other = whole.result(), merged.result()
    assert np.array_equal(one.counts, other.counts)
    assert (one.n, one.n_infinite) == (other.n, other.n_infinite)
    assert whole.octaves() == merged.octaves()


@pytest.mark.parametrize("n", [100_000, 300_000])
def test_many_elements_are_counted_as_few_are(n):
    values = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    values[:7] = np.nan, np.inf, -np.inf, 0, -0.0, 1e-45, -3e38
    few = counted(*np.split(values, n // 2000)).result()
    found = counted(values, values[:1]).result()
    assert np.array_equal(few.counts, found.counts)
    assert (found.n, found.n_infinite) == (n + 1, few.n_infinite)


@given(VALUES, st.floats(-20, 20))
def test_counts_below_a_limit_are_off_by_no_more_than_its_bucket(values, limit):
    found = counted(values).result()
    finite = values[np.isfinite(values)].astype(np.float64)
    at = np.searchsorted(bucket_edges(), limit, "right") - 1
    below = found.count_below([limit])[0]
    # A negative edge falls below itself.
    on_edge = np.sum(finite == limit) if limit < 0 else 0
    assert abs(below - np.sum(finite < limit)) <= found.counts[at] + on_edge


@given(VALUES, st.integers(-30, 30))
def test_underflow_below_a_power_of_two_is_exact_but_for_it(values, power):
    found = counted(values).result()
    finite = np.abs(values[np.isfinite(values)].astype(np.float64))
    # Below 2**-133 all count as 0; a negative power of two falls below itself.
    finite = finite[(finite == 0) | (finite >= 2.0**-133)]
    within = np.sum((finite > 0) & (finite < 2.0**power))
    exactly = np.sum(finite == 2.0**power)
    low, high = found.count_below([-(2.0**power), 2.0**power])
    counted_within = high - low - found.counts[ZERO_BUCKET]
    assert within - 1e-6 <= counted_within <= within + exactly + 1e-6


@given(VALUES.filter(lambda v: np.isfinite(v).any()))
def test_quantiles_are_within_a_bucket_of_numpys(values):
    found = counted(values).result()
    finite = np.sort(values[np.isfinite(values)].astype(np.float64))
    for share in (0.0, 0.1, 0.5, 0.99, 1.0):
        rank = share * (finite.size - 1)
        low, high = finite[int(np.floor(rank))], finite[int(np.ceil(rank))]
        value = found.quantiles([share])[0]
        assert low - abs(low) / 64 - 1e-38 <= value <= high + abs(high) / 64 + 1e-38


def test_there_are_no_quantiles_of_nothing():
    with pytest.raises(ValueError, match="no finite element"):
        counted(np.array([np.nan], np.float32)).result().quantiles([0.5])


@given(
    hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(-8, 8, width=32)),
    st.integers(1, 100),
)
def test_a_histogram_of_the_whole_range_counts_every_element(values, n_bins):
    found = counted(values).result()
    histogram = found.histogram(float(values.min()), float(values.max()), n_bins)
    assert sum(histogram.counts) == values.size
    assert min(histogram.counts) >= 0
    assert len(histogram.edges) == n_bins + 1


def test_a_histogram_of_any_range_is_near_numpys():
    values = np.random.default_rng(0).standard_normal(200_000).astype(np.float32)
    found = counted(values).result().histogram(-1.5, 2.0, 70)
    expected, edges = np.histogram(values, 70, (-1.5, 2.0))
    np.testing.assert_allclose(found.edges, edges)
    assert np.abs(np.array(found.counts) - expected).max() < 60
    # Around 0 buckets are narrower than any bin.
    zeros = np.zeros(10, np.float32)
    assert counted(zeros).result().histogram(-1, 1, 2).counts == (0, 10)


@given(VALUES)
def test_octaves_are_powers_of_two(values):
    found = counted(values).octaves()
    finite = values[np.isfinite(values)].astype(np.float64)
    normal = finite[np.abs(finite) >= 2.0**-126]
    if found is None:
        assert normal.size == 0
        return
    half = len(found.counts) // 2
    edges, counts = found.edges, found.counts
    assert sum(counts) == finite.size
    assert edges == tuple(-e for e in edges[::-1])
    for i, (low, high) in enumerate(pairwise(edges)):
        if i > half and low >= 2.0**-126:
            assert counts[i] == np.sum((finite >= low) & (finite < high))
        elif i < half and high <= -(2.0**-126):
            assert counts[i] == np.sum((finite > low) & (finite <= high))


def test_float64_beyond_float32_counts_as_infinite():
    found = counted(np.array([1e300, -1e300, 1.0, 1e-300])).result()
    assert (found.n, found.n_infinite, found.n_finite) == (4, 2, 2)
    assert found.counts[ZERO_BUCKET] == 1
