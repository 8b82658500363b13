"""Weights, statistics, number types, codes and inputs: a planted fault is named."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.diagnose import DriftQuestion, diagnose

RNG = np.random.default_rng(21)
node = helper.make_node


def normal(*shape, scale=0.5):
    return RNG.normal(0, scale, shape).astype(np.float32)


FRONT, BACK, BIAS = normal(8, 8), normal(8, 6), normal(8)
IMAGES = {"x": normal(8, 3, 10, 10, scale=1.0) + np.float32(0.3)}
KERNEL = normal(3, 3, 3, 3, scale=0.3)


def built(nodes, arrays, shape=("n", 8), opset=20):
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(a), k) for k, a in arrays.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def proven(findings, code, place=None):
    assert [f.code for f in findings] == [code], [f.explanation for f in findings]
    (found,) = findings
    assert found.severity == "error"
    assert found.proof.error_removed > 0.9
    assert place is None or found.where.candidate_node == place
    return found


def dense(front=FRONT, bias=BIAS, gemm=False):
    arrays = {"front": front, "back": BACK}
    if gemm:
        first = [
            node("Gemm", ["x", "front", "bias"][: 3 - (bias is None)], ["h"], "front")
        ]
    else:
        first = [node("MatMul", ["x", "front"], ["m"], "front")]
        if bias is not None:
            first.append(node("Add", ["m", "bias"], ["h"], "add"))
    source = "m" if bias is None and not gemm else "h"
    if bias is not None:
        arrays["bias"] = bias
    rest = [
        node("Tanh", [source], ["t"], "tanh"),
        node("MatMul", ["t", "back"], ["y"], "back"),
    ]
    return built([*first, *rest], arrays)


def test_square_kernels(told):
    found = proven(told(dense(), dense(FRONT.T.copy())), "WGT002", "front")
    assert "axes out and in exchanged" in found.explanation
    proven(told(dense(), dense(FRONT * np.float32(1.5))), "WGT001", "front")


def test_a_window_that_is_flipped(told):
    def net(kernel):
        made = [node("Conv", ["x", "k"], ["y"], "conv")]
        return built(made, {"k": kernel}, ("n", 3, 10, 10))

    flipped = KERNEL[:, :, ::-1, ::-1].copy()
    found = proven(told(net(KERNEL), net(flipped), IMAGES), "WGT002", "conv")
    assert "window flipped" in found.explanation


@pytest.mark.parametrize("gemm", [False, True])
@pytest.mark.parametrize("bias", [None, np.zeros(8, np.float32)], ids=["gone", "zero"])
def test_a_bias_that_is_gone(told, gemm, bias):
    proven(told(dense(gemm=True), dense(bias=bias, gemm=gemm)), "WGT003", "front")


def test_a_bias_that_others_read_too(told):
    def net(biased):
        value = "h" if biased else "m"
        nodes = [node("MatMul", ["x", "front"], ["m"], "front")]
        if biased:
            nodes.append(node("Add", ["m", "bias"], ["h"], "add"))
        nodes += [
            node("Tanh", [value], ["t"], "tanh"),
            node("Add", [value, "t"], ["s"], "sum"),
            node("MatMul", ["s", "back"], ["y"], "back"),
        ]
        arrays = {"front": FRONT, "back": BACK} | ({"bias": BIAS} if biased else {})
        return built(nodes, arrays)

    proven(told(net(True), net(False)), "WGT003", "front")


def norm(epsilon, spelled):
    """A layer norm as one node or written out."""
    arrays = {"front": FRONT * np.float32(0.05), "back": BACK}
    nodes = [node("MatMul", ["x", "front"], ["a"], "front")]
    if spelled:
        arrays |= {"axis": np.array([-1]), "eps": np.float32(epsilon)}
        nodes += [
            node("ReduceMean", ["a", "axis"], ["mean"]),
            node("Sub", ["a", "mean"], ["d"]),
            node("Mul", ["d", "d"], ["dd"]),
            node("ReduceMean", ["dd", "axis"], ["v"]),
            node("Add", ["v", "eps"], ["e"], "epsilon"),
            node("Sqrt", ["e"], ["s"]),
            node("Div", ["d", "s"], ["b"], "norm"),
        ]
    else:
        arrays["gain"] = np.ones(8, np.float32)
        named = {"epsilon": epsilon, "axis": -1}
        nodes.append(node("LayerNormalization", ["a", "gain"], ["b"], "norm", **named))
    nodes.append(node("MatMul", ["b", "back"], ["y"], "back"))
    return built(nodes, arrays)


@pytest.mark.parametrize("mine", [False, True])
@pytest.mark.parametrize("other", [False, True])
def test_epsilon_of_a_layer_norm(told, mine, other):
    place = "epsilon" if other else "norm"
    proven(told(norm(1e-3, mine), norm(1e-2, other)), "NRM001", place)
    assert told(norm(1e-3, mine), norm(1e-3, other)) == ()


def test_epsilon_of_a_length(told):
    def net(least):
        nodes = [
            node("ReduceL2", ["x", "axis"], ["l"], "length"),
            node("Max", ["l", "least"], ["m"], "least"),
            node("Div", ["x", "m"], ["y"], "unit"),
        ]
        arrays = {"axis": np.array([-1]), "least": np.float32(least)}
        return built(nodes, arrays)

    rows = {"x": normal(24, 8, scale=0.02)}
    proven(told(net(1e-3), net(0.1), rows), "NRM001", "least")


def test_statistics_of_each_sample(told):
    def net(sampled):
        numbers = ["gain", "offset"] + ([] if sampled else ["mean", "var"])
        kind = "InstanceNormalization" if sampled else "BatchNormalization"
        nodes = [
            node("Conv", ["x", "k"], ["c"], "conv"),
            node(kind, ["c", *numbers], ["b"], "norm"),
            node("Relu", ["b"], ["y"], "relu"),
        ]
        arrays = {k: np.full(3, 0.5, np.float32) for k in numbers} | {"k": KERNEL}
        return built(nodes, arrays, ("n", 3, 10, 10))

    proven(told(net(False), net(True), IMAGES), "NRM002", "norm")


def through(kind, factor=1.0):
    """A value that passes through another number type, or not."""
    arrays = {"front": FRONT, "back": BACK, "by": np.float32(factor)}
    arrays["back_by"] = np.float32(1 / factor)
    nodes = [node("MatMul", ["x", "front"], ["a"], "front")]
    nodes.append(node("Mul", ["a", "by"], ["b"], "times"))
    value = "b"
    if kind:
        nodes.append(node("Cast", ["b"], ["c"], "down", to=kind))
        nodes.append(node("Cast", ["c"], ["d"], "up", to=TensorProto.FLOAT))
        value = "d"
    nodes.append(node("Mul", [value, "back_by"], ["e"], "undone"))
    nodes.append(node("MatMul", ["e", "back"], ["y"], "back"))
    return built(nodes, arrays)


def test_half_precision_on_the_way(told):
    half = through(TensorProto.FLOAT16)
    proven(told(through(None), half), "CST001", "down")
    cut = through(TensorProto.INT32)
    proven(told(through(None), cut), "CST001", "down")


def test_what_leaves_the_range_of_half_precision(told):
    large = 30000.0
    candidate = through(TensorProto.FLOAT16, large)
    found = proven(told(through(None, large), candidate), "NUM001", "down")
    assert "leaves the range of float16" in found.explanation


def test_a_value_of_the_first_sample_for_all(told):
    def net(frozen):
        nodes = [node("MatMul", ["x", "front"], ["a"], "front")]
        arrays = {"front": FRONT}
        gate = "g"
        if frozen is None:
            arrays["back"] = BACK.copy()[:, :1].repeat(8, 1) + FRONT
            nodes.append(node("MatMul", ["x", "back"], ["h"], "hidden"))
            nodes.append(node("Sigmoid", ["h"], ["g"], "gate"))
        else:
            arrays["g"] = frozen
        nodes.append(node("Mul", ["a", gate], ["y"], "gated"))
        return built(nodes, arrays)

    row = normal(1, 8, scale=2.0)
    frozen = 1 / (1 + np.exp(-row))
    proven(told(net(None), net(frozen.astype(np.float32))), "TRC001", "gated")


def quantized(scale=0.05, read=None, zero=0, read_zero=None):
    read, read_zero = read or scale, zero if read_zero is None else read_zero
    arrays = {
        "front": FRONT,
        "back": BACK,
        "s": np.float32(scale),
        "z": np.int8(zero),
        "rs": np.float32(read),
        "rz": np.int8(read_zero),
    }
    nodes = [
        node("MatMul", ["x", "front"], ["a"], "front"),
        node("QuantizeLinear", ["a", "s", "z"], ["q"], "write"),
        node("DequantizeLinear", ["q", "rs", "rz"], ["b"], "read"),
        node("MatMul", ["b", "back"], ["y"], "back"),
    ]
    return built(nodes, arrays)


def test_codes(told):
    mine = quantized()
    proven(told(mine, quantized(read=0.08)), "QNT001", "read")
    proven(told(mine, quantized(read_zero=9)), "QNT002", "read")
    proven(told(mine, quantized(scale=0.01)), "QNT003", "write")


@pytest.mark.parametrize("code", ["QNT001", "QNT003"])
def test_codes_against_a_reference_without_any(told, code):
    arrays = {"front": FRONT, "back": BACK}
    nodes = [
        node("MatMul", ["x", "front"], ["a"], "front"),
        node("MatMul", ["a", "back"], ["y"], "back"),
    ]
    faults = {"QNT001": quantized(0.08, read=0.2), "QNT003": quantized(0.01)}
    (found,) = told(built(nodes, arrays), faults[code])
    assert found.code == code
    assert found.proof.error_removed > 0.8


def convolved(gain=1.0, offset=0.0, reverse=False, kernel=KERNEL):
    nodes, value = [], "x"
    arrays = {"k": kernel}
    if gain != 1.0:
        arrays["gain"] = np.float32(gain)
        nodes.append(node("Mul", [value, "gain"], ["g"], "times"))
        value = "g"
    if np.any(offset):
        arrays["offset"] = np.asarray(offset, np.float32)
        nodes.append(node("Add", [value, "offset"], ["o"], "plus"))
        value = "o"
    if reverse:
        arrays["bgr"] = np.array([2, 1, 0])
        nodes.append(node("Gather", [value, "bgr"], ["r"], "swap", axis=1))
        value = "r"
    nodes.append(node("Conv", [value, "k"], ["c"], "conv"))
    nodes.append(node("Relu", ["c"], ["y"], "relu"))
    return built(nodes, arrays, ("n", 3, 10, 10))


@pytest.mark.parametrize(
    "prepared",
    [
        {"gain": 0.5},
        {"gain": 0.5, "offset": 0.5},
        {"offset": 0.25},
        {"offset": np.array([0.1, 0.5, -0.3]).reshape(3, 1, 1)},
    ],
    ids=["gain", "both", "offset", "by channel"],
)
def test_the_input_prepared_otherwise(told, prepared):
    proven(told(convolved(), convolved(**prepared), IMAGES), "PRE001")
    proven(told(convolved(**prepared), convolved(), IMAGES), "PRE001", "conv")


def test_channels_of_the_input(told):
    proven(told(convolved(), convolved(reverse=True), IMAGES), "PRE002", "swap")
    turned = convolved(kernel=KERNEL[:, ::-1].copy())
    proven(told(convolved(), turned, IMAGES), "PRE002", "conv")
    assert told(turned, convolved(reverse=True), IMAGES) == ()


def test_outputs_alone_tell_a_factor_an_offset_and_names():
    mine = RNG.normal(size=(16, 4))
    other = {"a": 2 * mine + 1}
    (found,) = diagnose(DriftQuestion("v", None, None, {"a": mine}, other)).findings
    assert found.code == "OUT002"
    assert "2 times the reference's plus 1" in found.explanation
    both = {"a": mine, "b": RNG.normal(size=(16, 4))}
    crossed = {"a": both["b"], "b": both["a"]}
    (found,) = diagnose(DriftQuestion("v", None, None, both, crossed)).findings
    assert found.code == "OUT001"
    assert "'a', 'b' stand under each other's names" in found.explanation


def test_tables_keep_their_weights_in_attributes(told):
    def net(first):
        score = node(
            "LinearRegressor",
            ["x"],
            ["y"],
            "scores",
            domain="ai.onnx.ml",
            coefficients=[first, *([0.5] * 7)],
            intercepts=[0.1],
            targets=1,
        )
        model = built([score], {})
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
        return model

    found = proven(told(net(0.5), net(4.0)), "WGT001", "scores")
    assert "1 of 8 coefficients differ" in found.explanation
    assert isinstance(net(0.5), onnx.ModelProto)
