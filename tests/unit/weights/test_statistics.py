import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.core.codec import from_json, to_json
from harness.core.protocols import WeightTensor
from harness.core.results import TensorStatistics
from harness.weights import describe
from harness.weights.histograms import LinearBins
from harness.weights.moments import Moments

FLOATS = st.one_of(
    st.floats(-10, 10, width=32),
    st.floats(width=32),
    st.sampled_from(
        [0.0, -0.0, 2**-25, -(2**-25), 2**-24, 6.0975552e-05, 65504.0, 65520.0, 1e-38]
    ),
)
ARRAYS = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=3, max_side=12), elements=FLOATS
)


def of(values):
    return describe(
        WeightTensor(
            "w", values.shape, values.dtype.name, "kernel", None, lambda: values
        )
    )


@given(ARRAYS)
def test_statistics_are_those_of_numpy(values):
    found = of(values)
    finite = values[np.isfinite(values)].astype(np.float64)
    assert found.n == values.size
    assert found.n_nonfinite == values.size - finite.size
    if finite.size == 0:
        assert found.min is found.max is found.mean is found.std is None
        assert found.quantiles == {}
        assert found.histogram is None
        return
    assert (found.min, found.max) == (finite.min(), finite.max())
    largest = np.abs(finite).max()
    assert found.mean == pytest.approx(finite.mean(), rel=1e-6, abs=1e-6 * largest)
    assert found.std == pytest.approx(finite.std(), rel=1e-5, abs=1e-6 * largest)
    assert found.sparsity == np.mean(finite == 0)
    nonzero = np.abs(finite[finite != 0])
    assert found.smallest_nonzero == (nonzero.min() if nonzero.size else None)
    for text, value in found.quantiles.items():
        assert value == np.quantile(finite, float(text))


@given(ARRAYS)
def test_float16_shares_are_what_numpys_float16_does(values):
    found = of(values)
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        half = finite.astype(np.float16)
    n = max(finite.size, 1)
    tiny = np.finfo(np.float16).tiny
    assert found.share_fp16_zero == np.sum((half == 0) & (finite != 0)) / n
    assert found.share_fp16_subnormal == np.sum((half != 0) & (abs(half) < tiny)) / n
    assert found.share_fp16_overflow == np.sum(np.isinf(half)) / n


@given(hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(-8, 8, width=32)))
def test_histogram_counts_every_element_once(values):
    found = of(values).histogram
    assert found is not None
    counts, edges = np.histogram(values.astype(np.float64), bins=64)
    assert sum(found.counts) == values.size
    np.testing.assert_allclose(found.edges, edges, rtol=1e-6, atol=1e-6)
    # An element on an edge may fall to the other side of it.
    assert np.abs(np.cumsum(found.counts) - np.cumsum(counts)).max() <= max(
        np.sum(np.abs(values - e) < 1e-5) for e in edges
    )


@given(ARRAYS.map(np.ravel), st.data())
def test_moments_do_not_depend_on_how_the_stream_is_cut(values, data):
    cuts = data.draw(st.lists(st.integers(0, values.size), max_size=4))
    whole, merged = Moments(), Moments()
    whole.update(values)
    for part in np.split(values, sorted(cuts)):
        other = Moments()
        other.update(part)
        merged.merge(other)
    expected, found = whole.result(), merged.result()
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0))
    for name in ("mean", "std"):
        one, other = getattr(expected, name), getattr(found, name)
        if one is None:
            assert other is None
        else:
            assert one == pytest.approx(other, rel=1e-5, abs=1e-6 * largest)
    for name in ("n", "n_nonfinite", "min", "max", "smallest_nonzero", "n_zero"):
        assert getattr(expected, name) == getattr(found, name)
    for name in ("n_fp16_zero", "n_fp16_subnormal", "n_fp16_overflow"):
        assert getattr(expected, name) == getattr(found, name)


@given(
    hnp.arrays(np.float32, st.integers(1, 99), elements=st.floats(0, 1, width=32)),
    st.integers(0, 99),
)
def test_bins_do_not_depend_on_how_the_stream_is_cut(values, cut):
    whole, one, other = LinearBins(0, 1), LinearBins(0, 1), LinearBins(0, 1)
    whole.update(values)
    one.update(values[:cut])
    other.update(values[cut:])
    one.merge(other)
    assert one.result() == whole.result()


def test_a_narrow_distribution_far_from_zero_keeps_its_spread():
    values = (1 + 1e-4 * np.random.default_rng(0).standard_normal(300_000)).astype("f4")
    found = of(values)
    assert found.std == pytest.approx(values.astype("f8").std(), rel=1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_squares_neither_vanish_nor_overflow(scale):
    values = np.array([1, 2, 4, 8], np.float32) * np.float32(scale)
    assert of(values).std == pytest.approx(values.astype("f8").std(), rel=1e-6)


def test_a_tensor_of_several_blocks_and_a_sampled_quantile():
    values = np.random.default_rng(0).standard_normal((3000, 1001)).astype(np.float32)
    found = of(values)
    assert found.mean == pytest.approx(values.mean(dtype="f8"), abs=1e-7)
    assert found.std == pytest.approx(values.std(dtype="f8"), rel=1e-6)
    assert found.histogram is not None
    assert sum(found.histogram.counts) == values.size
    for text, value in found.quantiles.items():
        rank = np.mean(values < value)
        assert rank == pytest.approx(float(text), abs=0.002)


def test_sampled_quantiles_see_every_channel():
    # Channels of different scale, and as many as a power of two: steps of a power of
    # two would see the first channel only.
    values = np.random.default_rng(0).standard_normal((1 << 17, 32)).astype(np.float32)
    values *= np.arange(1, 33, dtype=np.float32)
    found = of(values)
    exact = np.quantile(values, 0.99)
    assert found.quantiles["0.99"] == pytest.approx(exact, rel=0.02)


def test_float64_is_described_as_it_is():
    found = of(np.array([[1e300, -1e300], [1e-300, 0.0]]))
    assert found.max == 1e300
    assert found.smallest_nonzero == 1e-300
    assert found.share_fp16_overflow == 0.5
    assert found.dtype == "float64"


def test_a_constant_tensor_has_one_full_bin():
    found = of(np.full((7, 3), 2.5, np.float32))
    assert found.histogram is not None
    assert found.histogram.edges[0] == 2.0
    assert sorted(found.histogram.counts)[-2:] == [0, 21]
    assert found.std == 0


def test_description_survives_json():
    found = of(np.array([1.0, math.nan, 3.0], np.float32))
    assert from_json(TensorStatistics, to_json(found)) == found
