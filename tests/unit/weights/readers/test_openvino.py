"""Files that OpenVINO wrote, against what OpenVINO reads out of them."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper, numpy_helper
from openvino import opset13 as ops

from harness.core.errors import ModelLoadError
from harness.weights import reader_for

MODELS = Path(__file__).parents[4] / "golden" / "digits" / "models"


def read(path):
    return {tensor.name: tensor for tensor in reader_for("openvino")(path)}


def constants(path):
    """Name -> the numbers that OpenVINO itself reads."""
    model = openvino.Core().read_model(path)
    found = {}
    for op in model.get_ops():
        if op.get_type_name() == "Constant":
            found[op.get_friendly_name()] = op.data
    return found


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openvino")
    model = openvino.convert_model(MODELS / "digits.onnx")
    openvino.save_model(model, folder / "half.xml")
    openvino.save_model(model, folder / "single.xml", compress_to_fp16=False)
    return folder


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """A graph of layers with weights of each kind, built with OpenVINO itself."""
    rng = np.random.default_rng(0)

    def constant(*shape, name):
        found = ops.constant(rng.normal(size=shape).astype(np.float32))
        found.set_friendly_name(name)
        return found

    x = ops.parameter([1, 4, 8, 8], np.float32)
    same = ([1, 1], [1, 1], [1, 1], [1, 1])
    y = ops.group_convolution(x, constant(4, 2, 1, 3, 3, name="depth"), *same)
    y = ops.group_convolution(y, constant(2, 3, 4, 3, 3, name="grouped"), *same)
    norm = [constant(6, name=n) for n in ("gamma", "beta", "mean", "variance")]
    y = ops.batch_norm_inference(y, *norm, 1e-5)
    y = ops.prelu(y, constant(6, name="slope"))
    y = ops.convolution_backprop_data(y, constant(6, 5, 2, 2, name="up"), [2, 2])
    y = ops.add(y, constant(1, 5, 1, 1, name="bias"))
    y = ops.reshape(y, [-1, 16], special_zero=False)
    y = ops.matmul(constant(3, 16, name="left"), y, False, True)
    ids = ops.parameter([3], np.int64)
    rows = ops.gather(constant(20, 7, name="table"), ids, ops.constant(0))
    path = tmp_path_factory.mktemp("layers") / "m.xml"
    model = openvino.Model([y, rows], [x, ids])
    openvino.save_model(model, path, compress_to_fp16=False)
    return path


def compressed(codes, scale, zero=None, shape=None):
    """Integers turned to floats as OpenVINO's own compression leaves them."""
    y = ops.convert(codes, np.float32)
    if zero is not None:
        y = ops.subtract(y, ops.convert(zero, np.float32))
    y = ops.multiply(y, ops.constant(scale))
    return y if shape is None else ops.reshape(y, shape, special_zero=False)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    """Weights of eight and four bits, by channel and by group."""
    rng = np.random.default_rng(0)
    kinds = openvino.Type

    def narrow(values, kind, name):
        packed = openvino.Tensor(kind, openvino.Shape(values.shape))
        flat = (values.ravel() & 15).astype(np.uint8)
        packed.data[:] = (flat[::2] | flat[1::2] << 4).reshape(packed.data.shape)
        found = ops.constant(packed)
        found.set_friendly_name(name)
        return found

    codes = {
        "i8": rng.integers(-128, 128, (6, 8), np.int8),
        "u8": rng.integers(0, 256, (6, 8), np.uint8),
        "i4": rng.integers(-8, 8, (6, 8)),
        "u4": rng.integers(0, 16, (6, 2, 4)),
    }
    scales = {name: rng.random((6, 1), np.float32) + 0.1 for name in ("i8", "u8", "i4")}
    scales["u4"] = rng.random((6, 2, 1), np.float32) + 0.1
    zero = rng.integers(0, 256, (6, 1), np.uint8)
    wide = [ops.constant(codes[name], name=name) for name in ("i8", "u8")]
    weights = [
        compressed(wide[0], scales["i8"]),
        compressed(wide[1], scales["u8"], ops.constant(zero)),
        compressed(narrow(codes["i4"], kinds.i4, "i4"), scales["i4"]),
        compressed(narrow(codes["u4"], kinds.u4, "u4"), scales["u4"], shape=[6, 8]),
    ]
    ends = [ops.constant(np.float32(v)) for v in (-128, 127, -1.28, 1.27)]
    fake = ops.constant(codes["i8"], name="fake")
    weights.append(ops.fake_quantize(ops.convert(fake, np.float32), *ends, levels=256))
    x = ops.parameter([1, 8], np.float32)
    made = [ops.matmul(x, weight, False, True) for weight in weights]
    path = tmp_path_factory.mktemp("quantized") / "m.xml"
    openvino.save_model(openvino.Model(made, [x]), path, compress_to_fp16=False)
    return path, codes, scales, zero


@pytest.mark.parametrize("name", ["single.xml", "half.xml"])
def test_numbers_bit_for_bit(digits, name):
    found, expected = read(digits / name), constants(digits / name)
    floats = {k: v for k, v in expected.items() if v.dtype.kind == "f" and v.size > 1}
    assert set(found) == set(floats)
    for key, values in floats.items():
        assert found[key].dtype == values.dtype.name
        assert found[key].load().dtype == np.float32
        np.testing.assert_array_equal(found[key].load(), values)


def test_roles_and_layouts_of_the_digits_model(digits):
    parts = [(t.role, t.layout, t.op_type) for t in read(digits / "half.xml").values()]
    assert parts == [
        ("kernel", "OIHW", "Convolution"),
        ("bias", None, "Add"),
        ("constant", None, "Multiply"),
        ("constant", None, "Add"),
        ("kernel", "OIHW", "Convolution"),
        ("bias", None, "Add"),
        ("kernel", "OI", "MatMul"),
        ("bias", None, "Add"),
    ]


def test_roles_and_layouts_of_layers(layers):
    found = read(layers)
    np.testing.assert_array_equal(found["up"].load(), constants(layers)["up"])
    assert {name: (t.role, t.layout) for name, t in found.items()} == {
        "depth": ("depthwise_kernel", "OMIHW"),
        "grouped": ("kernel", "OMIHW"),
        "gamma": ("gamma", "O"),
        "beta": ("beta", "O"),
        "mean": ("running_mean", "O"),
        "variance": ("running_variance", "O"),
        "slope": ("slope", "O"),
        "up": ("kernel", "IOHW"),
        "bias": ("bias", None),
        "left": ("kernel", "OI"),
        "table": ("embedding", "IO"),
    }


def test_integers_come_as_the_floats_they_mean(quantized):
    path, codes, scales, zero = quantized
    found = read(path)
    single = np.float32
    expected = {
        "i8": codes["i8"].astype(single) * scales["i8"],
        "u8": (codes["u8"].astype(single) - zero.astype(single)) * scales["u8"],
        "i4": codes["i4"].astype(single) * scales["i4"],
        "u4": codes["u4"].astype(single) * scales["u4"],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name].load(), values)
    np.testing.assert_allclose(found["fake"].load(), codes["i8"] / 100, rtol=1e-5)
    kinds = {name: t.dtype for name, t in found.items() if t.role == "kernel"}
    assert kinds == {"i8": "int8", "u8": "uint8", "i4": "int4", "u4": "uint4"} | {
        "fake": "int8"
    }


def test_codes_for_those_who_judge_them(quantized):
    path, codes, scales, zero = quantized
    found = read(path)
    for name, limits in (("i8", (-128, 127)), ("u8", (0, 255)), ("i4", (-8, 7))):
        stored = found[name].codes
        assert (stored.axis, stored.low, stored.high) == (0, *limits)
        np.testing.assert_array_equal(stored.scale, scales[name].ravel())
        np.testing.assert_array_equal(stored.codes(), codes[name])
    np.testing.assert_array_equal(found["u8"].codes.zero_point, zero.ravel())
    assert found["fake"].codes.axis is None
    # A scale a group of inputs is none a channel.
    assert found["u4"].codes is None
    assert {t.role for t in found.values()} == {"kernel", "scale"}


def test_a_quantized_model_of_another_tool(tmp_path):
    """Quantize and dequantize operators of ONNX, as OpenVINO converts them."""
    rng = np.random.default_rng(0)
    arrays = {
        "w": rng.integers(-128, 128, (8, 4), np.int8),
        "s": np.linspace(0.1, 0.4, 4, dtype=np.float32),
        "z": np.array([0, 3, -5, 7], np.int8),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["f"], axis=1),
        helper.make_node("MatMul", ["x", "f"], ["y"]),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (2, 8)), ("y", (2, 4)))
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    openvino.save_model(openvino.convert_model(tmp_path / "m.onnx"), tmp_path / "m.xml")
    kernel = next(t for t in read(tmp_path / "m.xml").values() if t.role == "kernel")
    assert (kernel.dtype, kernel.layout, kernel.codes.axis) == ("int8", "IO", 1)
    np.testing.assert_array_equal(kernel.codes.zero_point, arrays["z"])
    # Scales were stored as float16.
    expected = (arrays["w"] - arrays["z"].astype(np.float32)) * arrays["s"]
    np.testing.assert_allclose(kernel.load(), expected, rtol=1e-3)


@pytest.fixture
def copied(digits, tmp_path):
    for suffix in (".xml", ".bin"):
        shutil.copy((digits / "single").with_suffix(suffix), tmp_path / f"m{suffix}")
    return tmp_path / "m.xml"


def test_a_file_of_weights_that_is_missing(copied):
    copied.with_suffix(".bin").unlink()
    with pytest.raises(ModelLoadError, match=r"cannot read .*m.bin: No such file"):
        read(copied)


def test_a_file_of_weights_that_is_cut_short(copied):
    weights = copied.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelLoadError, match=r"m.bin: tensor 'Transpose_\d+': it lies"):
        read(copied)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('size="64"', 'size="60"', "it has 60 bytes; its shape .* takes 64"),
        ('offset="0"', 'offset="-8"', "its offset is '-8'"),
        ('element_type="f32"', 'element_type="nf4"', "of type nf4 are not read"),
        ('version="11"', 'version="7"', "IR 7 keeps weights in another way"),
        ("</net>", "", "cut short"),
        ('to-port="1"', 'to-port="x"', "cut short or damaged"),
        ("<?xml version=", '<!DOCTYPE n [<!ENTITY a "b">]><?xml version=', "m.xml"),
    ],
)
def test_damaged_text(copied, old, new, says):
    text = copied.read_text()
    assert old in text
    copied.write_text(text.replace(old, new))
    with pytest.raises(ModelLoadError, match=says) as caught:
        [tensor.load() for tensor in read(copied).values()]
    assert "m.xml" in caught.value.message or "m.bin: ten" in caught.value.message


def test_swapped_numbers_are_told_and_nan_is_read(copied):
    weights = copied.with_suffix(".bin")
    kernel = next(t for t in read(copied).values() if t.shape == (10, 384)).load()
    at = weights.read_bytes().index(kernel.tobytes())
    holed = kernel.copy()
    holed[3, 5] = np.nan
    for values in (holed, kernel.byteswap()):
        whole = bytearray(weights.read_bytes())
        whole[at : at + kernel.nbytes] = values.tobytes()
        weights.write_bytes(whole)
        tensor = next(t for t in read(copied).values() if t.shape == (10, 384))
        if values is holed:
            np.testing.assert_array_equal(tensor.load(), holed)
    with pytest.raises(ModelLoadError, match=r"'Transpose_\d+': .*look big-endian"):
        tensor.load()
