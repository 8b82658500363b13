import numpy as np
import pytest

from harness.core.errors import ModelLoadError

FORMS = [("graphdef", "pb"), ("graphdef-text", "pbtxt")]


@pytest.mark.parametrize(("form", "suffix"), FORMS)
def test_constants_are_what_tensorflow_makes_of_them(
    tensorflow, read_form, form, suffix
):
    for name in ("frozen", "odd"):
        found = read_form(form, tensorflow.folder / f"{name}.{suffix}")
        truth = tensorflow.of(name)
        for key, weight in found.items():
            if weight.dtype in {"int8", "uint8"}:
                continue
            np.testing.assert_array_equal(weight.load(), truth[key])
            assert weight.shape == truth[key].shape
    assert {w.dtype for w in found.values()} == {
        *("float16", "float32", "float64", "bfloat16", "int8", "uint8")
    }


def test_a_frozen_network_tells_roles_layouts_and_nodes(tensorflow, read_form):
    found = read_form("graphdef", tensorflow.folder / "frozen.pb")
    uses = {(w.node.split("/")[1], w.role, w.op_type, w.layout) for w in found.values()}
    assert uses >= {
        ("first_1", "kernel", "Conv2D", "HWIO"),
        ("first_1", "bias", "BiasAdd", "O"),
        ("norm_1", "gamma", "Mul", "O"),
        ("norm_1", "beta", "Sub", "O"),
        ("norm_1", "running_mean", "Mul", "O"),
        ("norm_1", "running_variance", "AddV2", "O"),
        ("slope_1", "slope", "Neg", None),
        ("wide_1", "depthwise_kernel", "DepthwiseConv2dNative", "HWIM"),
        ("up_1", "kernel", "Conv2DBackpropInput", "HWOI"),
        ("line_1", "kernel", "Conv2D", "WIO"),
        ("memory_1", "gate_kernel", "MatMul", "IG"),
        ("memory_1", "gate_recurrent_kernel", "MatMul", "IG"),
        ("memory_1", "gate_bias", "BiasAdd", "G"),
        ("last_1", "kernel", "MatMul", "IO"),
        ("last_1", "bias", "BiasAdd", "O"),
    }
    norms = [w.epsilon for w in found.values() if "norm_1" in w.node]
    assert norms == [pytest.approx(1e-3)] * 4


@pytest.mark.parametrize(("form", "suffix"), FORMS)
def test_codes_and_their_range_mean_what_tensorflow_computes(
    tensorflow, read_form, form, suffix
):
    found = read_form(form, tensorflow.folder / f"odd.{suffix}")
    truth = tensorflow.of("dequantized")
    assert set(truth) == {"first", "combined", "scaled", "channels"}
    for name, values in truth.items():
        weight = found[name]
        assert (weight.role, weight.op_type) == ("kernel", "MatMul")
        np.testing.assert_allclose(weight.load(), values, rtol=2e-6, atol=2e-7)
    assert found["combined"].codes is None
    assert found["channels"].codes.axis == 1
    codes = found["first"].codes
    meant = (codes.codes().astype(float) - codes.zero_point) * codes.scale
    np.testing.assert_allclose(meant, found["first"].load(), rtol=1e-6)
    # Ranges are no weights, not even where there is one a channel.
    assert not [name for name in found if name.startswith("Const")]


def test_text_and_bytes_hold_the_same(tensorflow, read_form):
    for name in ("frozen", "odd"):
        of_bytes = read_form("graphdef", tensorflow.folder / f"{name}.pb")
        of_text = read_form("graphdef-text", tensorflow.folder / f"{name}.pbtxt")
        assert of_bytes.keys() == of_text.keys()
        for key, weight in of_bytes.items():
            other = of_text[key]
            np.testing.assert_array_equal(weight.load(), other.load())
            assert (weight.role, weight.layout) == (other.role, other.layout)


NODE = """
node {{ name: "x" op: "Placeholder" }}
node {{ name: "w" op: "Const"
  attr {{ key: "value" value {{ tensor {{ dtype: {dtype}
    tensor_shape {{ {dims} }} {values} }} }} }} }}
node {{ name: "y" op: "MatMul" input: "x" input: "w"
  attr {{ key: "transpose_b" value {{ b: {turned} }} }} }}
"""


@pytest.fixture
def text(tmp_path, read_form):
    def make(dtype="DT_FLOAT", shape=(2, 2), values="", turned="false"):
        dims = " ".join(f"dim {{ size: {n} }}" for n in shape)
        path = tmp_path / "m.pbtxt"
        path.write_text(
            NODE.format(dtype=dtype, dims=dims, values=values, turned=turned)
        )
        return read_form("graphdef-text", path)["w"]

    return make


def test_a_few_numbers_stand_for_more(text):
    weight = text(values="float_val: 1 float_val: -inf float_val: 0.5")
    np.testing.assert_array_equal(weight.load(), [[1, -np.inf], [0.5, 0.5]])
    np.testing.assert_array_equal(text().load(), np.zeros((2, 2)))


def test_a_turned_product_has_its_outputs_first(text):
    assert text(turned="true").layout == "OI"
    assert text(turned="false").layout == "IO"


def test_quotes_at_the_end_of_bytes_stay(text):
    # 0x22 is a quote, 0x27 an apostrophe.
    weight = text(shape=(1, 2), values=r'tensor_content: "\000\000\200?\000\000\'\""')
    assert weight.load()[0, 1] == np.frombuffer(b"\0\0'\"", "<f4")[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"values": "float_val: 1 " * 5}, "no room for 5"),
        ({"shape": (1 << 20, 1 << 20), "values": "float_val: 1"}, "repeats 1 numbers"),
        ({"shape": (-1, 4)}, r"the shape \[-1, 4\]"),
        ({"values": 'tensor_content: "abc"'}, "has 3 bytes"),
        ({"values": "float_val: one"}, "no number"),
        ({"dtype": "DT_HALF", "values": "half_val: x"}, "no number"),
    ],
)
def test_a_broken_constant_is_one_error(text, options, says):
    with pytest.raises(ModelLoadError, match=says):
        text(**options)


def test_another_byte_order_is_told(tensorflow, read_form, tmp_path):
    found = read_form("graphdef", tensorflow.folder / "frozen.pb")
    (kernel,) = [w for w in found.values() if w.shape == (3, 3, 2, 5)]
    stored = kernel.load().tobytes()
    data = (tensorflow.folder / "frozen.pb").read_bytes()
    assert data.count(stored) == 1
    path = tmp_path / "swapped.pb"
    path.write_bytes(data.replace(stored, kernel.load().byteswap().tobytes()))
    with pytest.raises(ModelLoadError, match="look big-endian"):
        read_form("graphdef", path)


@pytest.mark.parametrize(("form", "suffix"), FORMS)
def test_a_missing_or_empty_file_is_an_error_or_holds_nothing(
    tmp_path, read_form, form, suffix
):
    path = tmp_path / f"m.{suffix}"
    with pytest.raises(ModelLoadError, match="No such file"):
        read_form(form, path)
    path.write_bytes(b"")
    assert read_form(form, path) == {}
