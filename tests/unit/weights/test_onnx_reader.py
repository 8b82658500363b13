import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.weights import READERS, describe, reader_for


def read(path):
    reader = reader_for("onnx")
    assert reader is not None
    return {tensor.name: tensor for tensor in reader(path)}


def step(values):
    """Width of a code of 8 bits over all values."""
    return (values.max() - values.min()) / 255


def test_reader_goes_by_the_form():
    assert reader_for("onnx") is READERS.get("onnx")
    assert reader_for("tensorrt-engine") is None


def test_float_weights_are_those_that_were_saved(network):
    found = read(network.path)
    assert found.keys() == network.weights.keys()
    for name, values in network.weights.items():
        np.testing.assert_array_equal(found[name].load(), values)
        assert found[name].shape == values.shape
        assert found[name].dtype == "float32"


def test_roles_come_from_the_readers(network):
    roles = {n: (t.role, t.op_type) for n, t in read(network.path).items()}
    assert roles == {
        "conv.weight": ("kernel", "Conv"),
        "conv.bias": ("bias", "Conv"),
        "dense.weight": ("kernel", "MatMul"),
        "dense.bias": ("bias", "Add"),
    }


@pytest.mark.parametrize(
    ("setting", "dtype", "op_types"),
    [
        ("qdq", "int8", {"Conv", "MatMul", "Gemm"}),
        ("qdq-channel", "int8", {"Conv", "MatMul", "Gemm"}),
        ("qoperator", "int8", {"QLinearConv", "QLinearMatMul", "QGemm"}),
        ("qoperator-channel", "int8", {"QLinearConv", "QLinearMatMul", "QGemm"}),
        ("dynamic", "int8", {"ConvInteger", "MatMulInteger"}),
        ("dynamic-uint8", "uint8", {"ConvInteger", "MatMulInteger"}),
    ],
)
def test_quantized_kernels_are_given_as_the_floats_they_mean(
    network, quantized, setting, dtype, op_types
):
    found = read(quantized[setting])
    for name in ("conv.weight", "dense.weight"):
        tensor = found[f"{name}_quantized"]
        values = network.weights[name]
        assert tensor.role == "kernel"
        assert tensor.dtype == dtype
        assert tensor.op_type in op_types
        assert tensor.load().dtype == np.float32
        np.testing.assert_allclose(tensor.load(), values, atol=1.01 * step(values))


def test_scales_by_channel_leave_smaller_errors(network, quantized):
    values = network.weights["conv.weight"]
    errors = {
        setting: np.abs(
            read(quantized[setting])["conv.weight_quantized"].load() - values
        )
        for setting in ("qdq", "qdq-channel", "qoperator", "qoperator-channel")
    }
    small = [0, 1, 3, 4]
    assert errors["qdq-channel"][small].mean() < errors["qdq"][small].mean() / 4
    np.testing.assert_array_equal(errors["qdq-channel"], errors["qoperator-channel"])


@pytest.mark.parametrize("setting", ["qdq", "qdq-channel", "qoperator"])
def test_integer_biases_are_given_as_floats(network, quantized, setting):
    tensor = read(quantized[setting])["conv.bias_quantized"]
    assert (tensor.role, tensor.dtype) == ("bias", "int32")
    np.testing.assert_allclose(tensor.load(), network.weights["conv.bias"], atol=2e-3)


def test_only_scales_by_channel_are_listed_and_no_zero_point(quantized):
    for setting, path in quantized.items():
        found = read(path)
        scales = [t for t in found.values() if t.role == "scale"]
        assert bool(scales) is setting.endswith(("channel", "dynamic-uint8"))
        assert all(np.prod(t.shape) > 1 for t in scales)
        assert not [name for name in found if name.endswith("zero_point")]


def test_a_zero_point_is_not_subtracted_in_the_stored_type(save):
    # uint8: 100 - 128 = 228 if it wraps.
    path = save(
        [
            helper.make_node("DequantizeLinear", ["w", "s", "z"], ["f"]),
            helper.make_node("MatMul", ["x", "f"], ["y"]),
        ],
        {
            "w": np.full((4, 1), 100, np.uint8),
            "s": np.float32(0.1),
            "z": np.uint8(128),
        },
    )
    np.testing.assert_allclose(read(path)["w"].load(), np.full((4, 1), -2.8), rtol=1e-6)


def test_scales_of_blocks(save):
    path = save(
        [
            helper.make_node(
                "DequantizeLinear", ["w", "s"], ["f"], axis=0, block_size=2
            ),
            helper.make_node("MatMul", ["x", "f"], ["y"]),
        ],
        {
            "w": np.ones((4, 2), np.int8),
            "s": np.array([[1, 2], [3, 4]], np.float32),
        },
    )
    expected = [[1, 2], [1, 2], [3, 4], [3, 4]]
    np.testing.assert_array_equal(read(path)["w"].load(), expected)


def test_a_scale_that_does_not_fit_is_an_error_with_the_tensor(save):
    path = save(
        [
            helper.make_node("DequantizeLinear", ["w", "s"], ["f"], axis=1),
            helper.make_node("MatMul", ["x", "f"], ["y"]),
        ],
        {"w": np.ones((4, 2), np.int8), "s": np.ones(3, np.float32)},
    )
    with pytest.raises(ModelLoadError, match="'w' of shape"):
        read(path)["w"].load()


def test_float16_weights_are_given_as_float32(network, quantized):
    tensor = read(quantized["fp16"])["conv.weight"]
    assert tensor.dtype == "float16"
    assert tensor.load().dtype == np.float32
    np.testing.assert_array_equal(
        tensor.load(), network.weights["conv.weight"].astype(np.float16)
    )
    assert describe(tensor).dtype == "float16"


def test_bfloat16_and_double(save):
    path = save([helper.make_node("MatMul", ["x", "d"], ["y"])], {"d": np.ones((4, 2))})
    model = onnx.load(path)
    half = helper.make_tensor("b", TensorProto.BFLOAT16, [2, 1], [1.5, -0.25])
    model.graph.initializer.append(half)
    onnx.save(model, path)
    found = read(path)
    np.testing.assert_array_equal(found["b"].load(), [[1.5], [-0.25]])
    assert found["b"].dtype == "bfloat16"
    assert found["d"].load().dtype == np.float64


def test_an_unknown_element_type_is_no_weight(save):
    path = save([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((4, 2))})
    model = onnx.load(path)
    odd = TensorProto(name="odd", data_type=999, dims=[2], raw_data=b"\0" * 8)
    model.graph.initializer.append(odd)
    path.write_bytes(model.SerializeToString())
    assert list(read(path)) == ["w"]


def test_roles_are_seen_through_what_hands_numbers_on(save):
    path = save(
        [
            helper.make_node("Cast", ["w"], ["w1"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["w1"], ["w2"]),
            helper.make_node("Gemm", ["x", "w2"], ["g"]),
            helper.make_node("BatchNormalization", ["g", *"abmv"], ["n"]),
            helper.make_node("Mul", ["n", "k"], ["y"]),
        ],
        {"w": np.ones((3, 4), np.float16), "k": np.ones(3, np.float32)}
        | {name: np.ones(3, np.float32) for name in "abmv"},
    )
    roles = {n: (t.role, t.op_type) for n, t in read(path).items()}
    assert roles == {
        "w": ("kernel", "Gemm"),
        "k": ("constant", "Mul"),
        "a": ("gamma", "BatchNormalization"),
        "b": ("beta", "BatchNormalization"),
        "m": ("running_mean", "BatchNormalization"),
        "v": ("running_variance", "BatchNormalization"),
    }


def test_constant_nodes_are_read_and_shapes_and_scalars_are_not(save):
    table = numpy_helper.from_array(np.ones((5, 4), np.float32))
    path = save(
        [
            helper.make_node("Constant", [], ["table"], value=table),
            helper.make_node("Constant", [], ["steps"], value_floats=[1.0, 2.0]),
            helper.make_node("Constant", [], ["one"], value_float=1.0),
            helper.make_node("Gather", ["table", "index"], ["y"]),
        ],
        {"index": np.array([1]), "half": np.float32(0.5)},
    )
    found = read(path)
    assert {n: (t.role, t.op_type) for n, t in found.items()} == {
        "table": ("embedding", "Gather"),
        "steps": ("constant", None),
    }


@pytest.fixture
def external(network, tmp_path):
    path = tmp_path / "external.onnx"
    onnx.save(
        onnx.load(network.path),
        path,
        save_as_external_data=True,
        location="external.data",
        size_threshold=0,
    )
    return path


def relocated(path, location):
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())


def test_external_data_are_mapped_not_read(network, external):
    found = read(external)
    assert found.keys() == network.weights.keys()
    for name, values in network.weights.items():
        assert isinstance(found[name].load(), np.memmap)
        np.testing.assert_array_equal(found[name].load(), values)
        assert describe(found[name]).max == values.max()


@pytest.mark.parametrize(
    "location", ["../external.data", "/etc/passwd", "a/../../b", ""]
)
def test_external_data_outside_of_the_folder_are_refused(external, location):
    relocated(external, location)
    with pytest.raises(UnsafeModelError, match="no file inside"):
        read(external)


def test_missing_external_data_are_named(external):
    external.with_name("external.data").unlink()
    with pytest.raises(ModelLoadError, match=r"lies in external\.data, which is not"):
        read(external)


def test_short_external_data_are_an_error_before_anything_is_read(external):
    data = external.with_name("external.data")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(ModelLoadError, match="which has 100"):
        read(external)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ModelLoadError, match=r"no\.onnx.*No such file"):
        read(tmp_path / "no.onnx")


def test_a_file_cut_anywhere_is_an_error_or_whole_in_what_it_gives(network, tmp_path):
    whole = network.path.read_bytes()
    path = tmp_path / "cut.onnx"
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelLoadError, match="cut"):
            read(path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"PK\x03\x04", b"hello world"])
def test_another_file_is_an_error(tmp_path, content):
    path = tmp_path / "not.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"not\.onnx"):
        read(path)


def test_a_name_that_is_no_text_is_an_error(network, tmp_path):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(
        network.path.read_bytes().replace(b"conv.bias", b"conv.\xff\xfeas")
    )
    with pytest.raises(ModelLoadError, match="no UTF-8"):
        read(path)


def test_an_initializer_of_too_few_bytes_is_an_error(network, tmp_path):
    model = onnx.load(network.path)
    model.graph.initializer[0].dims[0] = 7
    path = tmp_path / "short.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelLoadError, match=r"conv\.weight.*cannot be read"):
        read(path)["conv.weight"].load()


@pytest.mark.parametrize(
    ("setting", "axes"),
    [
        ("qdq", {None}),
        ("qdq-channel", {0, 1}),
        ("qoperator", {None}),
        ("dynamic", {None}),
        ("dynamic-uint8", {None, 1}),
    ],
)
def test_codes_mean_the_floats(quantized, setting, axes):
    found = read(quantized[setting])
    kernels = [t for t in found.values() if t.codes and t.role == "kernel"]
    assert len(kernels) == 2
    assert {t.codes.axis for t in kernels} == axes
    for tensor in kernels:
        codes = tensor.codes
        stored = codes.codes()
        assert stored.shape == tensor.shape
        assert (codes.low, codes.high) in {(-128, 127), (0, 255)}
        assert codes.low <= stored.min() <= stored.max() <= codes.high
        wide = [1] * stored.ndim
        if codes.axis is not None:
            wide[codes.axis] = -1
        floats = (stored - codes.zero_point.reshape(wide)) * codes.scale.reshape(wide)
        np.testing.assert_allclose(tensor.load(), floats, rtol=1e-6)


def test_biases_of_codes_have_the_product_of_both_scales(quantized):
    bias = read(quantized["qoperator-channel"])["conv.bias_quantized"]
    assert (bias.codes.axis, bias.codes.low) == (0, -(2**31))
    floats = bias.codes.codes() * bias.codes.scale
    np.testing.assert_allclose(bias.load(), floats, rtol=1e-6)


def test_layouts_are_those_of_the_operators(save):
    node = helper.make_node
    path = save(
        [
            node("Conv", ["x", "full"], ["a"], "first"),
            node("Conv", ["a", "depth"], ["b"], "second", group=4),
            node("ConvTranspose", ["b", "up"], ["c"], "third"),
            node("Gemm", ["c", "turned"], ["d"], "fourth", transB=1),
            node("Gemm", ["d", "plain"], ["e"], "fifth"),
            node("MatMul", ["left", "e"], ["f"], "sixth"),
            node("LSTM", ["f", "W", "R", "B"], ["g"], "seventh", hidden_size=2),
            node("Transpose", ["moved"], ["m"], perm=[1, 0]),
            node("MatMul", ["g", "m"], ["y"], "eighth"),
        ],
        {
            name: np.ones(shape, np.float32)
            for name, shape in {
                "full": (4, 2, 3, 3),
                "depth": (4, 1, 3, 3),
                "up": (4, 2, 3, 3),
                "turned": (5, 8),
                "plain": (5, 6),
                "left": (3, 4),
                "W": (1, 8, 3),
                "R": (1, 8, 2),
                "B": (1, 16),
                "moved": (3, 4),
            }.items()
        },
    )
    found = {n: (t.role, t.layout, t.node) for n, t in read(path).items()}
    assert found == {
        "full": ("kernel", "OIHW", "first"),
        "depth": ("depthwise_kernel", "OIHW", "second"),
        "up": ("kernel", "IOHW", "third"),
        "turned": ("kernel", "OI", "fourth"),
        "plain": ("kernel", "IO", "fifth"),
        "left": ("kernel", "OI", "sixth"),
        "W": ("gate_kernel", "DGI", "seventh"),
        "R": ("gate_recurrent_kernel", "DGI", "seventh"),
        "B": ("gate_bias", "DG", "seventh"),
        "moved": ("kernel", None, "eighth"),
    }


@pytest.mark.parametrize(("stated", "epsilon"), [({"epsilon": 1e-3}, 1e-3), ({}, 1e-5)])
def test_epsilon_is_the_operators_own_or_its_default(save, stated, epsilon):
    path = save(
        [helper.make_node("BatchNormalization", ["x", *"abmv"], ["y"], **stated)],
        {name: np.ones(4, np.float32) for name in "abmv"},
    )
    for tensor in read(path).values():
        assert tensor.epsilon == pytest.approx(epsilon)


def test_numbers_in_the_other_byte_order_are_told(network, tmp_path):
    model = onnx.load(network.path)
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        tensor.raw_data = values.astype(values.dtype.newbyteorder(">")).tobytes()
    path = tmp_path / "swapped.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelLoadError, match=r"is damaged: its numbers look big-end"):
        [tensor.load() for tensor in reader_for("onnx")(path)]
