import math

import ml_dtypes
import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from harness.core.codec import from_json, to_json
from harness.core.protocols import WeightTensor
from harness.core.results import TensorStatistics
from harness.weights.format_risk import format_risks
from harness.weights.numeric_formats import FORMATS, FloatFormat, IntegerFormat
from harness.weights.ranking import rank_harm
from harness.weights.statistics import describe

DTYPES = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}
TIES = [0.0, -0.0, 2**-25, 3 * 2**-26, 2**-10, 3 * 2**-10, 464.0, 61440.0, 65519.0]
FLOATS = st.one_of(
    st.floats(-600, 600, width=32),
    st.floats(-(2**-10), 2**-10, width=32),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(TIES),
)
VECTORS = hnp.arrays(np.float32, st.integers(1, 40), elements=FLOATS)
KERNELS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=6),
    elements=st.floats(-8, 8, width=32),
)


def tensor(values, **how):
    return WeightTensor(
        "w", values.shape, values.dtype.name, "kernel", None, lambda: values, **how
    )


def risk(values, name, **how):
    (found,) = describe(tensor(values, **how), formats=[name]).risks
    return found


@pytest.mark.parametrize("name", DTYPES)
@given(VECTORS)
def test_rounding_is_that_of_ml_dtypes(name, values):
    kind = FORMATS[name]
    with np.errstate(over="ignore"):
        expected = values.astype(DTYPES[name]).astype(np.float32)
        found = kind.round(values)
    within = np.isfinite(expected)
    np.testing.assert_array_equal(found[within], expected[within])
    assert np.all(np.abs(found[~within]) > kind.largest)
    assert np.all(np.abs(found[within]) <= kind.largest)


@pytest.mark.parametrize("name", DTYPES)
@given(VECTORS)
def test_shares_are_what_ml_dtypes_does(name, values):
    found = risk(values, name)
    kind = FORMATS[name]
    with np.errstate(over="ignore"):
        became = values.astype(DTYPES[name]).astype(np.float64)
    lost = ~np.isfinite(became)
    small = np.abs(np.where(lost, 1.0, became)) < 2.0**kind.lowest
    assert found.share_clipped == lost.mean()
    assert found.share_zero == np.mean((became == 0) & (values != 0))
    assert found.share_subnormal == np.mean(small & (became != 0))
    held = np.where(lost, np.copysign(kind.largest, values), became)
    error = held - values
    assert found.max_abs_error == np.abs(error).max()
    assert found.bias == pytest.approx(error.mean(), rel=1e-12, abs=1e-300)
    signal = np.square(values.astype(np.float64)).sum()
    if signal > 0 and np.any(error):
        expected = 10 * np.log10(signal / np.square(error).sum())
        assert found.sqnr_db == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["float8_e4m3-scaled", "float8_e5m2-scaled"])
def test_scaling_makes_a_float8_indifferent_to_magnitude(name):
    values = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    found = [risk(values * np.float32(2.0**k), name).sqnr_db for k in (-40, 0, 40)]
    assert found == pytest.approx([found[1]] * 3, abs=1e-3)
    assert risk(values * np.float32(2.0**-40), name.split("-")[0]).share_zero == 1


def quantize(values, scale, zero, axis, low):
    """What onnxruntime makes of it: codes, and the values that they mean."""
    kind = TensorProto.INT8 if low < 0 else TensorProto.UINT8
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], axis=axis),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], axis=axis),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [
            info("x", TensorProto.FLOAT, None),
            info("s", TensorProto.FLOAT, None),
            info("z", kind, None),
        ],
        [info("q", kind, None), info("y", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = ort.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    zero = np.asarray(zero, np.int8 if low < 0 else np.uint8)
    feeds = {"x": values, "s": np.asarray(scale, np.float32), "z": zero}
    return session.run(["q", "y"], feeds)


@pytest.mark.parametrize(
    "name", ["int8", "int8-asymmetric", "int8-channel", "int8-asymmetric-channel"]
)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_integers_are_those_of_onnxruntime(name, axis):
    rng = np.random.default_rng(axis)
    values = rng.standard_normal((5, 6, 7)).astype(np.float32) + np.float32(0.3)
    values[values < -1] = 0
    values *= np.exp2(np.arange(values.shape[axis]) - 3).reshape(
        [-1 if a == axis else 1 for a in range(3)]
    )
    values = values.astype(np.float32)
    kind = FORMATS[name]
    others = tuple(a for a in range(3) if a != axis) if kind.by_channel else None
    low, high = values.min(axis=others), values.max(axis=others)
    scale, zero = kind.scales(low.astype(np.float64), high.astype(np.float64))
    codes, meant = quantize(values, scale, zero, axis, kind.low)
    found = risk(values, name, layout={0: "OHI", 1: "IOH", 2: "IHO"}[axis])
    error = meant.astype(np.float64) - values
    expected = 10 * np.log10(np.square(values, dtype="f8").sum() / np.sum(error**2))
    assert found.sqnr_db == pytest.approx(expected, abs=1e-4)
    assert found.max_abs_error == pytest.approx(np.abs(error).max(), rel=1e-5)
    assert found.bias == pytest.approx(error.mean(), abs=1e-8)
    _, counts = np.unique(codes, return_counts=True)
    share = counts / counts.sum()
    assert found.n_codes_used == counts.size
    assert found.entropy_bits == pytest.approx(-np.sum(share * np.log2(share)))
    assert found.share_zero == np.mean((meant == 0) & (values != 0))
    assert found.zero_exact


@given(KERNELS, st.sampled_from(sorted(FORMATS)))
def test_an_error_is_at_most_a_step(values, name):
    assume(np.any(values))
    # Otherwise it has no channels.
    assume(values.ndim == 2 or np.sum(np.array(values.shape) > 1) > 1)
    found = risk(values, name, layout=None)
    kind = FORMATS[name]
    assert found.n == values.size
    if isinstance(kind, IntegerFormat):
        low, high = min(values.min(), 0), max(values.max(), 0)
        step = max(high, -low) * 2 / (kind.n_codes - 1)
        # Clipping beside a rounded zero point costs another half step.
        assert found.max_abs_error <= step * 1.01
        assert found.n_codes_used <= min(kind.n_codes, values.size)
        assert 0 <= found.entropy_bits <= math.log2(kind.n_codes)
    else:
        assert found.n_codes is found.entropy_bits is None
    assert 0 <= found.share_zero <= 1


def test_a_range_without_zero_costs_zero_its_place_unless_it_is_widened():
    values = np.linspace(1, 2, 1000, dtype=np.float32)
    assert not risk(values, "int8-minmax").zero_exact
    assert risk(values, "int8-asymmetric").zero_exact
    gained = risk(values, "int8-minmax").sqnr_db - risk(values, "int8").sqnr_db
    assert gained > 12


def test_values_that_are_codes_already_lose_nothing():
    codes = np.arange(-127, 128, dtype=np.float32).reshape(5, 51)
    found = risk(codes * np.float32(0.125), "int8")
    assert found.sqnr_db is None
    assert found.max_abs_error == 0
    assert found.n_codes_used == 255
    assert found.bias_over_noise is None


def test_errors_of_one_sign_are_told_from_errors_that_cancel():
    # All weights a little above a code: each is rounded down.
    rng = np.random.default_rng(0)
    codes = rng.integers(-126, 126, (8, 500)).astype(np.float32)
    codes[:, 0] = 127
    balanced = codes + rng.uniform(-0.4, 0.4, codes.shape).astype(np.float32)
    lifted = codes + np.float32(0.3)
    lifted[:, 0] = balanced[:, 0] = 127
    one, other = risk(lifted, "int8"), risk(balanced, "int8")
    assert one.bias == pytest.approx(-0.3 * 499 / 500, rel=1e-4)
    assert one.bias_steps == pytest.approx(0.3 * 499, rel=1e-4)
    assert one.bias_over_noise > 10
    assert other.bias_over_noise < 1.5


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_is_not_finite_is_left_out(name):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((6, 50)).astype(np.float32)
    values[:, 7] = np.nan
    values[2, 8] = -np.inf
    values[5] = np.inf
    found = describe(tensor(values), formats=[name]).risks[0]
    kept = values[:5][:, np.r_[0:7, 9:50]]
    expected = describe(tensor(kept), formats=[name]).risks[0]
    assert found.n == kept.size + 4
    if "channel" not in name:
        flat = values[np.isfinite(values)]
        alone = describe(tensor(flat), formats=[name]).risks[0]
        assert found.sqnr_db == pytest.approx(alone.sqnr_db)
        assert found.entropy_bits == alone.entropy_bits
        assert found.share_zero == alone.share_zero
    else:
        assert found.sqnr_db == pytest.approx(expected.sqnr_db, abs=1)


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], 0.0, [0.0, -0.0], [[3.0]]])
def test_tensors_of_nearly_nothing(values):
    values = np.array(values, np.float32)
    found = describe(tensor(values), formats=FORMATS)
    assert bool(found.risks) == bool(np.isfinite(values).any())
    for each in found.risks:
        assert each.share_zero == each.share_clipped == 0
        assert each.max_abs_error <= 1e-6 * np.abs(values).max(initial=0)
    assert from_json(TensorStatistics, to_json(found)) == found


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ml_dtypes.bfloat16, np.int8])
def test_tensors_of_other_types(dtype):
    values = (np.arange(-60, 60).reshape(10, 12) / 4).astype(dtype)
    found = {r.format: r for r in describe(tensor(values), formats=FORMATS).risks}
    same = values.astype(np.float32)
    expected = {r.format: r for r in describe(tensor(same), formats=FORMATS).risks}
    assert found.keys() == expected.keys() == FORMATS.keys()
    for name, one in found.items():
        if one.sqnr_db is None:
            assert expected[name].sqnr_db is None
        else:
            assert one.sqnr_db == pytest.approx(expected[name].sqnr_db, abs=1e-3)


def test_float64_is_rounded_from_float64():
    # Halfway between two float16 but for a bit that float32 does not have.
    values = np.array([1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-11, 1e300])
    rounded = FORMATS["float16"].round(values[:2])
    assert rounded.tolist() == [1 + 2.0**-10, 1.0]
    assert risk(values, "float16").share_clipped == pytest.approx(1 / 3)


def test_many_blocks_give_what_one_gives():
    values = np.random.default_rng(0).standard_normal((300, 700)).astype(np.float32)
    step = np.abs(values).max() / np.float32(127)
    error = (np.rint(values / step) * step).astype("f8") - values
    found = risk(values, "int8")
    assert found.bias == pytest.approx(error.mean(), abs=1e-9)
    noise = np.square(values, dtype="f8").sum() / np.square(error).sum()
    assert found.sqnr_db == pytest.approx(10 * np.log10(noise), abs=1e-4)
    assert found.effective_bits == pytest.approx((found.sqnr_db - 1.76) / 6.02)


def test_the_noise_of_small_channels_is_seen_beside_large_ones():
    values = np.random.default_rng(0).standard_normal((4, 500)).astype(np.float32)
    values[2] *= 200
    step = np.abs(values).max() / np.float32(127)
    error = (np.rint(values / step) * step).astype("f8") - values
    lost = np.square(error).sum(axis=1) / np.square(values, dtype="f8").sum(axis=1)
    found = risk(values, "int8")
    assert found.channel_noise == pytest.approx(lost.mean(), rel=1e-4)
    assert found.worst_channel_sqnr_db == pytest.approx(0, abs=1)
    assert found.sqnr_db > 35


def test_a_format_of_no_such_name_is_refused():
    with pytest.raises(KeyError):
        describe(tensor(np.ones(3, np.float32)), formats=["int7"])


def test_a_float_format_says_how_it_is_made():
    assert isinstance(FORMATS["bfloat16"], FloatFormat)
    assert FORMATS["bfloat16"].largest == float(ml_dtypes.finfo("bfloat16").max)
    assert FORMATS["float8_e4m3"].largest == float(ml_dtypes.finfo("float8_e4m3fn").max)
    assert FORMATS["float8_e5m2"].largest == float(ml_dtypes.finfo("float8_e5m2").max)


@pytest.fixture
def network():
    """Statistics of three layers, one with a wild channel, and a bias."""
    rng = np.random.default_rng(0)
    layers = {name: rng.standard_normal((16, 40)).astype("f4") for name in "abc"}
    layers["b"][3] *= 60
    layers["bias"] = rng.standard_normal(16).astype("f4")
    formats = ("int8", "int8-channel")
    return [
        describe(
            WeightTensor(n, v.shape, "float32", "kernel", None, lambda v=v: v),
            formats=formats,
        )
        for n, v in layers.items()
    ]


def test_the_layer_that_loses_most_ranks_first(network):
    first, *rest = rank_harm(network, "int8")
    assert first.name == "b"
    assert first.noise_share > 0.95
    assert "a scale a channel gains" in first.note
    assert {harm.name for harm in rest} == {"a", "c"}
    assert sum(h.noise_share for h in (first, *rest)) == pytest.approx(1)


def test_scales_by_channel_make_layers_alike(network):
    shares = [harm.noise_share for harm in rank_harm(network, "int8-channel")]
    assert max(shares) < 0.5


def test_a_layer_that_matters_little_ranks_lower(network):
    ranked = rank_harm(network, "int8", {"b": 1e-9})
    assert ranked[-1].name == "b"


def test_nothing_is_ranked_by_a_format_that_nobody_tried(network):
    assert rank_harm(network, "float16") == ()


def test_ranges_of_channels_that_hold_nothing_do_not_disturb():
    values = np.ones((3, 4), np.float32)
    values[1] = np.nan
    found = describe(tensor(values), formats=["int8-channel"])
    assert found.channels.low == (1.0, None, 1.0)
    assert found.risks[0].max_abs_error < 1e-6
    assert format_risks(values, *_seen(found), ["int8-channel"]) == found.risks


def _seen(found):
    from harness.weights.channels import ChannelExtremes, channel_blocks
    from harness.weights.moments import Moments

    values = np.ones((3, 4), np.float32)
    values[1] = np.nan
    moments = Moments()
    moments.update(values.reshape(-1))
    extremes = ChannelExtremes(3)
    for block in channel_blocks(values, 0, 2):
        extremes.update(block)
    return moments.result(), 0, extremes.result()
