import numpy as np
import pytest

from harness.core.errors import ModelLoadError

FILES = ("float", "offset", "half", "dynamic", "integer")


@pytest.mark.parametrize("file", FILES)
def test_numbers_are_those_of_the_interpreter(tensorflow, read_form, file):
    found = read_form("litert", tensorflow.folder / f"{file}.tflite")
    truth = tensorflow.of(f"{file}.tflite")
    assert len(found) >= 8
    for name, weight in found.items():
        stored = truth[name]
        assert (weight.shape, weight.dtype) == (stored.shape, stored.dtype.name)
        if weight.codes is None:
            np.testing.assert_array_equal(weight.load(), stored)
            continue
        codes = weight.codes
        np.testing.assert_array_equal(codes.codes(), stored)
        np.testing.assert_array_equal(codes.scale, truth[f"{name}|scales"])
        np.testing.assert_array_equal(codes.zero_point, truth[f"{name}|zeros"])
        if codes.axis is not None:
            assert codes.axis == truth[f"{name}|axis"]


def test_types_go_by_the_way_it_was_converted(tensorflow, read_form):
    dtypes = {
        file: {w.dtype for w in read_form("litert", path).values()}
        for file in FILES
        for path in [tensorflow.folder / f"{file}.tflite"]
    }
    assert dtypes == {
        "float": {"float32"},
        "offset": {"float32"},
        "half": {"float16"},
        "dynamic": {"float32", "int8"},
        "integer": {"int8", "int32"},
    }


@pytest.mark.parametrize("file", FILES)
def test_roles_are_the_same_in_every_form(tensorflow, read_form, file):
    found = read_form("litert", tensorflow.folder / f"{file}.tflite")
    uses = {(w.op_type, w.role, w.layout) for w in found.values()}
    assert uses == {
        ("CONV_2D", "kernel", "OHWI"),
        ("CONV_2D", "bias", "O"),
        ("PRELU", "slope", None),
        ("DEPTHWISE_CONV_2D", "depthwise_kernel", "1HWM"),
        ("DEPTHWISE_CONV_2D", "bias", "O"),
        ("TRANSPOSE_CONV", "kernel", "OHWI"),
        ("TRANSPOSE_CONV", "bias", "O"),
        ("FULLY_CONNECTED", "kernel", "OI"),
        ("FULLY_CONNECTED", "bias", "O"),
    }
    assert all(w.node for w in found.values())


def test_integers_are_the_floats_they_mean(tensorflow, read_form):
    floats = read_form("litert", tensorflow.folder / "float.tflite")
    integers = read_form("litert", tensorflow.folder / "integer.tflite")
    kernels = {w.shape: w for w in floats.values()}
    seen = 0
    for weight in integers.values():
        if weight.role != "bias" and weight.shape in kernels:
            values = kernels[weight.shape].load()
            step = float(np.max(weight.codes.scale))
            np.testing.assert_allclose(weight.load(), values, atol=0.51 * step)
            assert weight.load().dtype == np.float32
            seen += 1
    assert seen == 6


def test_scales_by_channel_lie_along_the_right_axis(tensorflow, read_form):
    found = read_form("litert", tensorflow.folder / "integer.tflite").values()
    axes = {w.op_type: w.codes.axis for w in found if w.role.endswith("kernel")}
    assert axes["CONV_2D"] == 0
    assert axes["DEPTHWISE_CONV_2D"] == 3


def test_packed_int4(tensorflow, read_form):
    weight = read_form("litert", tensorflow.folder / "schema.tflite")["int4"]
    codes = weight.codes.codes()
    np.testing.assert_array_equal(codes, [[-8, 7, 3], [0, -1, 2]])
    assert (weight.codes.low, weight.codes.high) == (-8, 7)
    np.testing.assert_array_equal(weight.load(), [[-4, 3.5, 1.5], [-0.25, -0.5, 0.25]])


def test_gates_of_a_fused_lstm(tensorflow, read_form):
    found = read_form("litert", tensorflow.folder / "schema.tflite")
    op = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    for i in range(4):
        gate, state = found[f"gate{i}"], found[f"state{i}"]
        assert (gate.role, gate.op_type, gate.layout) == ("gate_kernel", op, "GI")
        assert (state.role, state.layout) == ("gate_recurrent_kernel", "GI")


def test_a_sparse_tensor_is_listed_and_refused(tensorflow, read_form):
    found = read_form("litert", tensorflow.folder / "schema.tflite")
    with pytest.raises(ModelLoadError, match=r"'sparse'.*sparse tensors are not read"):
        found["sparse"].load()


def test_another_byte_order_is_told(tensorflow, read_form, tmp_path):
    found = read_form("litert", tensorflow.folder / "float.tflite")
    name, weight = next((n, w) for n, w in found.items() if w.shape == (40, 144))
    stored = weight.load()
    data = (tensorflow.folder / "float.tflite").read_bytes()
    path = tmp_path / "swapped.tflite"
    path.write_bytes(data.replace(stored.tobytes(), stored.byteswap().tobytes()))
    damaged = read_form("litert", path)[name]
    with pytest.raises(ModelLoadError, match="look big-endian"):
        damaged.load()


def test_a_file_cut_short_is_an_error(tensorflow, read_form, tmp_path):
    path = tmp_path / "m.tflite"
    for name in ("float.tflite", "offset.tflite"):
        data = (tensorflow.folder / name).read_bytes()
        for length in range(0, len(data) - 64, len(data) // 30):
            path.write_bytes(data[:length])
            with pytest.raises(ModelLoadError, match=r"m\.tflite"):
                read_form("litert", path)
