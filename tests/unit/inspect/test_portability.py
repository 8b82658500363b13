import numpy as np
import pytest
from onnx import TensorProto, helper

KERNEL = {"w": np.ones((4, 2, 3, 3), np.float32)}
EVEN = {"w": np.ones((4, 2, 2, 2), np.float32)}


def conv(**attributes):
    return [helper.make_node("Conv", ["x", "w"], ["y"], "conv", **attributes)]


def pool(op_type, **attributes):
    options = {"kernel_shape": [3, 3], "strides": [2, 2]} | attributes
    return [helper.make_node(op_type, ["x"], ["y"], "pool", **options)]


def padded_pool(before, mode="constant"):
    return [
        helper.make_node(before, ["x"], ["a"]),
        helper.make_node("Pad", ["a", "pads"], ["p"], "pad", mode=mode),
        helper.make_node("MaxPool", ["p"], ["y"], "pool", kernel_shape=[3, 3]),
    ]


PADS = {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1])}


def resize(scale, **attributes):
    scales = {"s": np.array([1, 1, scale, scale], np.float32)}
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], "up", **attributes)
    return [node], scales


def gru(**attributes):
    node = helper.make_node(
        "GRU", ["x", "w", "r"], ["y"], "gru", hidden_size=2, **attributes
    )
    weights = {n: np.ones((1, 6, 2), np.float32) for n in ("w", "r")}
    return [node], weights


def norm(**attributes):
    node = helper.make_node(
        "BatchNormalization", ["x", *"abmv"], ["y"], "norm", **attributes
    )
    return [node], {name: np.ones(2, np.float32) for name in "abmv"}


@pytest.mark.parametrize(
    ("nodes", "constants", "says"),
    [
        (conv(auto_pad="SAME_UPPER", strides=[2, 2]), KERNEL, "auto_pad SAME_UPPER"),
        (conv(auto_pad="SAME_LOWER"), EVEN, "auto_pad SAME_LOWER"),
        (pool("AveragePool", pads=[1, 1, 1, 1]), {}, "AveragePool with padding"),
        (pool("MaxPool", ceil_mode=1), {}, "ceil_mode 1"),
        (padded_pool("Neg"), PADS, "'pad', 'pool'"),
        (*resize(2, mode="linear"), "Resize linear, half_pixel"),
        (*resize(1.25), "Resize nearest, half_pixel"),
        (*gru(), "linear_before_reset 0"),
        (*norm(training_mode=1), "training mode"),
        (
            [helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")],
            {},
            "onnxruntime alone has: Gelu",
        ),
    ],
)
def test_known_traps_are_told(facts, nodes, constants, says):
    found = facts(nodes, constants, domains=["com.microsoft"])
    (note,) = found.portability
    assert says in note


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        (conv(auto_pad="SAME_UPPER"), KERNEL),
        (conv(auto_pad="SAME_UPPER", dilations=[2, 2]), EVEN),
        (conv(auto_pad="VALID", strides=[2, 2]), KERNEL),
        (conv(pads=[0, 0, 1, 1], strides=[2, 2]), KERNEL),
        (pool("AveragePool"), {}),
        (pool("MaxPool", ceil_mode=1, strides=[1, 1]), {}),
        (padded_pool("Relu"), PADS),
        (padded_pool("Neg", mode="edge"), PADS),
        resize(2),
        gru(linear_before_reset=1),
        norm(),
    ],
)
def test_the_harmless_is_silent(facts, nodes, constants):
    assert facts(nodes, constants).portability == ()


@pytest.mark.parametrize(
    ("opset", "axis", "shape", "told"),
    [
        (12, 1, ("N", 3, 4), True),
        (12, 2, ("N", 3, 4), False),
        (12, 1, ("N", 3), False),
        (12, -1, ("N", 3, 4), False),
        (13, 1, ("N", 3, 4), False),
    ],
)
def test_softmax_before_opset_13(facts, opset, axis, shape, told):
    node = helper.make_node("Softmax", ["x"], ["y"], "softmax", axis=axis)
    found = facts([node], x=shape, opset=opset)
    assert bool(found.portability) is told


@pytest.mark.parametrize(
    ("zero_point", "weight", "told"),
    [
        (np.uint8(128), 127, True),
        (np.uint8(128), 64, False),
        (np.int8(0), 127, False),
    ],
)
def test_sums_of_mixed_signs(facts, zero_point, weight, told):
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "s"], ["f"]),
        helper.make_node("MatMul", ["d", "f"], ["y"]),
    ]
    constants = {
        "s": np.float32(0.1),
        "z": zero_point,
        "w": np.full((8, 2), weight, np.int8),
    }
    found = facts(nodes, constants)
    assert any("without VNNI" in note for note in found.portability) is told


def test_traps_of_one_kind_are_one_line_with_names(facts):
    nodes = [
        helper.make_node(
            "Conv",
            [f"c{i}" if i else "x", "w"],
            [f"c{i + 1}" if i < 4 else "y"],
            f"conv{i}",
            auto_pad="SAME_UPPER",
            strides=[2, 2],
        )
        for i in range(5)
    ]
    (note,) = facts(nodes, {"w": np.ones((2, 2, 3, 3), np.float32)}).portability
    assert "'conv0', 'conv1', 'conv2' and 2 more" in note


def test_a_damaged_constant_is_named(build, facts):
    nodes, constants = resize(2)
    model = build(nodes, constants)
    assert model.graph.initializer[0].data_type == TensorProto.FLOAT
    model.graph.initializer[0].dims[0] = 7
    with pytest.raises(Exception, match="tensor 's' is damaged"):
        facts(model)
