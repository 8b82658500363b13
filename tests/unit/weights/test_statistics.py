import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from harness.core.codec import from_json, to_json
from harness.core.protocols import StoredCodes, WeightTensor
from harness.core.results import TensorStatistics
from harness.weights import compiled, describe
from harness.weights.frame import weights_frame
from harness.weights.histograms import LinearBins
from harness.weights.moments import Moments
from harness.weights.statistics import describe_all

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


def weight(values, op_type=None, **more):
    dtype = values.dtype.name
    return WeightTensor(
        "w", values.shape, dtype, "kernel", op_type, lambda: values, **more
    )


def of(values, **how):
    return describe(weight(values), **how)


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
    assert found.mean == pytest.approx(finite.mean(), rel=1e-12, abs=1e-14 * largest)
    assert found.std == pytest.approx(finite.std(), rel=1e-12, abs=1e-14 * largest)
    assert found.sparsity == np.mean(finite == 0)
    nonzero = np.abs(finite[finite != 0])
    assert found.smallest_nonzero == (nonzero.min() if nonzero.size else None)
    for text, value in found.quantiles.items():
        assert value == np.quantile(finite, float(text))


@given(ARRAYS)
def test_skewness_and_kurtosis_are_those_of_scipy_in_long_double(values):
    found = of(values)
    finite = values[np.isfinite(values)].astype(np.longdouble)
    if finite.size == 0 or np.ptp(finite) == 0:
        assert found.skewness is found.kurtosis is None
        return
    scaled = finite / np.abs(finite).max()
    if scaled.std() < 1e-3 * abs(scaled.mean()):
        return
    assert found.skewness == pytest.approx(float(stats.skew(scaled)), abs=1e-9)
    assert found.kurtosis == pytest.approx(float(stats.kurtosis(scaled)), abs=1e-8)


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
            assert one == pytest.approx(other, rel=1e-12, abs=1e-14 * largest)
    if expected.std and expected.std > 1e-3 * largest:
        assert expected.skewness == pytest.approx(found.skewness, abs=1e-9)
        assert expected.kurtosis == pytest.approx(found.kurtosis, abs=1e-9)
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


def test_a_large_tensor_takes_its_quantiles_from_counts():
    values = np.random.default_rng(0).standard_normal((3000, 1001)).astype(np.float32)
    found = of(values)
    assert found.mean == pytest.approx(values.mean(dtype="f8"), abs=1e-7)
    assert found.std == pytest.approx(values.std(dtype="f8"), rel=1e-6)
    assert found.histogram is not None
    assert sum(found.histogram.counts) == values.size
    for text, value in found.quantiles.items():
        rank = np.mean(values < value)
        assert rank == pytest.approx(float(text), abs=1e-4)
        assert value == pytest.approx(np.quantile(values, float(text)), rel=1 / 128)


def test_quantiles_see_every_channel():
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


def test_a_large_tensor_far_from_zero_is_cut_into_bins_of_its_own():
    # Counts by magnitude have a single bucket here.
    rng = np.random.default_rng(0)
    values = (1.003 + 1e-4 * rng.standard_normal((1500, 1500))).astype(np.float32)
    found = of(values)
    expected, _ = np.histogram(values.astype("f8"), 64)
    moved = np.abs(np.cumsum(found.histogram.counts) - np.cumsum(expected)).max()
    assert moved < 1e-3 * values.size
    for text, value in found.quantiles.items():
        exact = np.quantile(values, float(text))
        assert value == pytest.approx(exact, abs=float(np.ptp(values)) / 2048)


def test_a_large_histogram_is_that_of_numpy_but_for_what_an_edge_divides():
    values = np.random.default_rng(0).standard_normal((1500, 1500)).astype(np.float32)
    values[:300] = 0
    found = of(values)
    expected, edges = np.histogram(values.astype("f8"), 64)
    np.testing.assert_allclose(found.histogram.edges, edges)
    assert sum(found.histogram.counts) == values.size
    moved = np.abs(np.cumsum(found.histogram.counts) - np.cumsum(expected)).max()
    assert moved < 5e-4 * values.size


def _large(shape=(1100, 2000)):
    rng = np.random.default_rng(0)
    return (0.05 * rng.standard_normal(shape)).astype(np.float32)


def _spoilt(values):
    values[7, 3:9] = np.nan, np.inf, -np.inf, 0, -0.0, 1e-40
    values[900] = np.nan
    return values


LARGE = {
    "plain": _large,
    "off centre": lambda: _large() + np.float32(1.003),
    "a little off centre": lambda: _large() + np.float32(-0.03),
    "pruned": lambda: np.where(np.abs(_large()) < 0.05, np.float32(0), _large()),
    "rectified": lambda: np.maximum(_large(), 0),
    "spoilt": lambda: _spoilt(_large()),
    "tiny": lambda: _large() * np.float32(1e-5),
    "very tiny": lambda: _large() * np.float32(1e-30),
    "huge": lambda: _large() * np.float32(1e6),
    "of two numbers": lambda: np.sign(_large()) * np.float32(0.1),
    "rounded to 8 bits": lambda: np.round(_large() * 400) / np.float32(400),
    "falling": lambda: -np.sort(-_large().reshape(-1)).reshape(1100, 2000),
    "one wild number": lambda: np.append(_large(), np.float32(6e4))[1:],
}


@pytest.mark.parametrize("kind", LARGE)
def test_large_tensors_are_described_as_numpy_and_scipy_do(kind):
    values = LARGE[kind]().reshape(1100, 2000)
    found = of(values)
    finite = values[np.isfinite(values)].astype(np.float64)
    nonzero = np.abs(finite[finite != 0])
    with np.errstate(over="ignore"):
        half = finite.astype(np.float16)
    flushed = (half == 0) & (finite != 0)
    below = (half != 0) & (np.abs(half) < np.finfo(np.float16).tiny)
    assert (found.min, found.max) == (finite.min(), finite.max())
    assert found.smallest_nonzero == nonzero.min()
    assert found.sparsity == np.mean(finite == 0)
    assert found.share_fp16_zero == np.mean(flushed)
    assert found.share_fp16_subnormal == np.mean(below)
    assert found.share_fp16_overflow == np.mean(np.isinf(half))
    assert found.n_nonfinite == values.size - finite.size
    deviation = finite.std()
    assert found.mean == pytest.approx(finite.mean(), abs=1e-7 * deviation)
    assert found.std == pytest.approx(deviation, rel=1e-7)
    # Powers of a number of 1e-31 are beyond float64.
    scaled = finite / nonzero.max()
    skewness, kurtosis = stats.skew(scaled), stats.kurtosis(scaled)
    assert found.skewness == pytest.approx(skewness, rel=1e-7, abs=1e-6)
    assert found.kurtosis == pytest.approx(kurtosis, rel=1e-7, abs=1e-6)


def test_moments_of_large_tensors_have_nine_digits():
    values = _large((3000, 2000))
    found, exact = of(values), values.astype(np.float64)
    assert found.mean == pytest.approx(exact.mean(), abs=1e-9 * exact.std())
    assert found.std == pytest.approx(exact.std(), rel=2e-9)
    assert found.kurtosis == pytest.approx(stats.kurtosis(exact, axis=None), abs=1e-8)


@pytest.mark.parametrize("layout", ["OI", "IO"])
def test_large_or_small_the_ranges_of_channels_are_exact(layout):
    values = _spoilt(_large())
    found = describe(weight(values, layout=layout)).channels
    axis = layout.index("O")
    kept = np.where(np.isfinite(values), values, np.nan)
    lines = [line for line in np.moveaxis(kept, axis, 0) if not np.isnan(line).all()]
    ranges = [(float(np.nanmin(line)), float(np.nanmax(line))) for line in lines]
    # Neighbours share a range, where there are too many.
    assert min(low for low in found.low if low is not None) == min(ranges)[0]
    assert found.n == values.shape[axis]
    largest = [max(-low, high) for low, high in ranges]
    assert found.ratio == max(largest) / min(largest)


@pytest.mark.parametrize("compile_", [False, True])
def test_counts_are_exact_beyond_what_float32_can_count(compile_):
    n = (1 << 24) + 5
    values = np.full(n, 0.5, np.float32)
    values[-2:] = 0.0
    found = of(values, compile_=compile_)
    assert found.n == n
    assert found.sparsity == 2 / n
    assert max(found.histogram.counts) == n - 2
    assert found.octaves.counts[-1] == n - 2
    assert found.max == 0.5


MIXED = st.one_of(
    FLOATS, st.sampled_from([math.nan, math.inf, -math.inf, 1e-45, -3e-39, 3.4e38])
)


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=12),
        elements=MIXED,
    ),
    st.sampled_from(["OIH", "IOH", None]),
)
def test_compiled_or_not_the_result_is_the_same(values, layout):
    tensor = weight(values, layout=layout if values.ndim == 3 else None)
    _same(describe(tensor, compile_=False), describe(tensor, compile_=True))


def test_compiled_or_not_many_steps_give_the_same():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((37, 9001)).astype(np.float32)
    values[3, 17:400] = np.nan
    values[20] = np.inf
    values[:, 5000:5100] *= 1e-7
    values.flags.writeable = False
    for tensor in (weight(values), weight(values, "MatMul"), weight(values.ravel())):
        _same(describe(tensor, compile_=False), describe(tensor, compile_=True))


def _same(one, other):
    moments = ("mean", "std", "skewness", "kurtosis")
    for field in one.__dataclass_fields__:
        a, b = getattr(one, field), getattr(other, field)
        if field not in moments or a is None or b is None:
            assert a == b, field
    if one.std is not None:
        largest = max(-one.min, one.max)
        assert one.mean == pytest.approx(other.mean, rel=1e-12, abs=1e-13 * largest)
        assert one.std == pytest.approx(other.std, rel=1e-12, abs=1e-13 * largest)
        if one.skewness is not None and one.std > 1e-3 * largest:
            assert one.skewness == pytest.approx(other.skewness, rel=1e-12, abs=1e-9)
            assert one.kurtosis == pytest.approx(other.kurtosis, rel=1e-12, abs=1e-9)


def test_where_nothing_can_be_kept_the_pass_is_compiled_anew(monkeypatch):
    tried = []

    def compile_(*, keep):
        tried.append(keep)
        if keep:
            raise RuntimeError("cannot cache function 'scan': no locator available")
        return "compiled"

    monkeypatch.setattr(compiled, "_compiled", compile_)
    assert compiled.scanner.__wrapped__() == "compiled"
    assert tried == [True, False]


def test_without_numba_large_tensors_are_read_all_the_same(monkeypatch):
    monkeypatch.setattr(compiled, "find_spec", lambda _: None)
    monkeypatch.setattr("harness.weights.statistics._WORTH_COMPILING", 1)
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert describe(weight(values)).mean == 2.5
    assert [d.mean for d in describe_all([weight(values)] * 2)] == [2.5, 2.5]


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float64, ml_dtypes.bfloat16, np.int8, np.int64, np.bool_]
)
def test_every_real_type_is_described_as_its_numbers(dtype):
    values = (np.arange(-30, 30).reshape(6, 10) % 7).astype(dtype)
    found, same = of(values), of(values.astype(np.float32))
    for field in same.__dataclass_fields__:
        if field != "dtype":
            assert getattr(found, field) == getattr(same, field), field


@pytest.mark.parametrize(
    ("shape", "layout", "op_type", "axis"),
    [
        ((8, 3, 2, 2), "OIHW", "Conv", 0),
        ((2, 2, 3, 8), "HWIO", "Conv2D", 3),
        ((2, 2, 8, 1), "HWIM", "DepthwiseConv2dNative", 2),
        ((1, 2, 2, 8), "IHWM", "DEPTHWISE_CONV_2D", 3),
        ((12, 5), "GI", "LSTM", 0),
        ((5, 4), None, "MatMul", 1),
        ((5, 4), None, None, 0),
        ((1, 16, 1, 1), None, "Mul", None),
        ((16, 1), "IO", "MatMul", 1),
        ((5,), None, None, None),
        ((), None, None, None),
    ],
)
def test_channels_lie_along_the_axis_of_outputs(shape, layout, op_type, axis):
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = describe(weight(values, op_type, layout=layout)).channels
    if axis is None:
        assert found is None
        return
    assert found.axis == axis
    others = tuple(a for a in range(len(shape)) if a != axis)
    assert found.low == tuple(values.min(axis=others).tolist())
    assert found.high == tuple(values.max(axis=others).tolist())
    largest = np.abs(values).max(axis=others).astype("f8")
    assert found.ratio == pytest.approx(largest.max() / largest.min())


def test_channels_of_a_quantized_tensor_are_those_of_its_scales():
    values = np.ones((3, 4), np.float32)
    codes = StoredCodes(np.ones(4), np.zeros(4, int), 1, -128, 127, lambda: values)
    assert describe(weight(values, codes=codes)).channels.axis == 1


def test_more_channels_than_a_report_can_carry_share_their_ranges():
    values = np.arange(1, 2001, dtype=np.float32).reshape(1000, 2)
    values[7] = 0
    found = describe(weight(values)).channels
    assert (found.n, found.together, len(found.low)) == (1000, 4, 250)
    assert found.low[:2] == (1.0, 0.0)
    assert found.high[-1] == 2000.0
    assert found.n_zero == 1
    assert found.ratio == 1000


def test_a_frame_has_a_row_a_tensor():
    values = np.random.default_rng(0).standard_normal((4, 30)).astype(np.float32)
    described = [
        describe(weight(values), formats=["float16", "int8-channel"]),
        describe(weight(values[0])),
    ]
    frame = weights_frame(described)
    assert frame.index.tolist() == ["w", "w"]
    assert frame["std"].tolist() == [d.std for d in described]
    assert frame["q0.5"].iloc[0] == np.median(values)
    assert frame["channels"].iloc[0] == 4
    assert frame["int8-channel.sqnr_db"].iloc[0] == described[0].risks[1].sqnr_db
    assert frame["float16.share_zero"].isna().tolist() == [False, True]
    assert weights_frame([]).empty
