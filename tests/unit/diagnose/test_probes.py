"""A fault between two small models is named and proven; other spellings are silent."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(11)
FRONT, BACK = (RNG.normal(0, 0.5, s).astype(np.float32) for s in ((8, 8), (8, 6)))
ROWS = {"x": RNG.normal(0, 2, (24, 8)).astype(np.float32)}
node = helper.make_node


def number(value, dtype=np.float32):
    return np.asarray(value, dtype)


def built(nodes, arrays, shape=("n", 8), opset=20):
    read = {name for item in nodes for name in item.input}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, k) for k, a in arrays.items() if k in read],
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def between(*middle, shape=("n", 8), opset=20, **arrays):
    """A product, what stands between (from a to b), and a product."""
    nodes = [
        node("MatMul", ["x", "front"], ["a"], "front"),
        *middle,
        node("MatMul", ["b", "back"], ["y"], "back"),
    ]
    arrays = {"front": FRONT, "back": BACK, **arrays}
    return built(nodes, arrays, shape, opset)


def one(op_type, *inputs, name="it", **attributes):
    return node(op_type, ["a", *inputs], ["b"], name, **attributes)


def proven(findings, code, place=None):
    assert [f.code for f in findings] == [code], [f.explanation for f in findings]
    (found,) = findings
    assert found.severity == "error"
    assert found.proof.error_removed > 0.99
    assert place is None or found.where.candidate_node == place
    return found


def swish(alpha=1 / 6):
    """HardSwish written out."""
    gate = node("HardSigmoid", ["a"], ["g"], "gate", alpha=alpha, beta=0.5)
    return between(gate, node("Mul", ["a", "g"], ["b"], "product"))


def gelu(form):
    """GELU by its error function or its tanh, written out as exporters do."""
    inner = {
        "erf": [
            node("Div", ["a", "root"], ["z"]),
            node("Erf", ["z"], ["e"], "bend"),
        ],
        "tanh": [
            node("Mul", ["a", "a"], ["aa"]),
            node("Mul", ["aa", "a"], ["aaa"]),
            node("Mul", ["aaa", "cubic"], ["c"]),
            node("Add", ["a", "c"], ["s"]),
            node("Mul", ["s", "pi"], ["z"]),
            node("Tanh", ["z"], ["e"], "bend"),
        ],
    }[form]
    outer = [
        node("Add", ["e", "one"], ["f"]),
        node("Mul", ["a", "f"], ["h"]),
        node("Mul", ["h", "half"], ["b"], "last"),
    ]
    return between(
        *inner,
        *outer,
        root=number(np.sqrt(2)),
        one=number(1),
        half=number(0.5),
        cubic=number(0.044715),
        pi=number(np.sqrt(2 / np.pi)),
    )


def clip(low, high):
    return between(one("Clip", "low", "high"), low=number(low), high=number(high))


ACTIVATIONS = {
    "leaky relu": (one("LeakyRelu", alpha=0.3), one("LeakyRelu"), "ACT001"),
    "elu": (one("Elu", alpha=0.5), one("Elu"), "ACT001"),
    "celu": (one("Celu", alpha=0.5), one("Celu"), "ACT001"),
    "selu": (one("Selu"), one("Selu", alpha=1.0, gamma=1.0), "ACT001"),
    "hard sigmoid": (
        one("HardSigmoid", alpha=1 / 6),
        one("HardSigmoid"),
        "ACT001",
    ),
    "gelu": (one("Gelu"), one("Gelu", approximate="tanh"), "ACT002"),
    "sigmoid": (one("Sigmoid"), one("HardSigmoid"), "ACT002"),
    "relu and leaky relu": (one("Relu"), one("LeakyRelu"), "ACT004"),
    "lost": (one("Tanh"), one("Identity"), "ACT004"),
    "added": (one("Identity"), one("Tanh"), "ACT004"),
    "rounding": (one("Round"), one("Floor"), "CST001"),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_functions(told, name):
    mine, other, code = ACTIVATIONS[name]
    proven(told(between(mine), between(other)), code)


def test_a_slope_inside_a_function_that_is_written_out(told):
    found = proven(told(swish(), swish(0.25)), "ACT001", "gate")
    assert found.reference_semantics == "HardSwish(0.1667, 0.5)"


def test_one_operator_against_the_other_form_written_out(told):
    found = proven(told(between(one("Gelu")), gelu("tanh")), "ACT002", "bend")
    assert "GELU (tanh) where the reference does GELU (erf)" in found.explanation
    proven(told(gelu("erf"), gelu("tanh")), "ACT002", "bend")


def test_limits(told):
    relu = between(one("Relu"))
    found = proven(told(clip(0, 2), relu), "ACT003")
    assert found.candidate_semantics == "Relu"
    proven(told(relu, clip(0, 1)), "ACT003")


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (between(one("HardSwish")), swish()),
        (between(one("Gelu")), gelu("erf")),
        (between(one("Relu")), clip(0, 1e6)),
        (
            between(one("Mul", "k"), k=number(0.5)),
            between(one("Div", "k"), k=number(2)),
        ),
    ],
    ids=["hard swish", "gelu", "relu", "factor"],
)
def test_the_same_function_otherwise_spelled_is_silent(told, mine, other):
    """Beside another fault, so that the graphs are looked into."""
    bent = onnx.ModelProto()
    bent.CopyFrom(other)
    (back,) = [t for t in bent.graph.initializer if t.name == "back"]
    back.CopyFrom(numpy_helper.from_array(BACK * np.float32(1.1), "back"))
    proven(told(mine, bent), "WGT001", "back")
    assert told(mine, other) == ()


def test_prelu_slopes(told):
    mine, other = (
        between(one("PRelu", "s"), s=np.full(8, k, np.float32)) for k in (0.25, 0.1)
    )
    proven(told(mine, other), "ACT001", "it")


def test_a_constant_between_layers(told):
    mine, other = (between(one("Mul", "k"), k=number(k)) for k in (0.5, 0.7))
    proven(told(mine, other), "CON001", "it")


def test_an_operator_of_two_values(told):
    def meets(op_type, *names):
        return between(
            node("Sigmoid", ["a"], ["g"]),
            node("Tanh", ["a"], ["h"]),
            node(op_type, names, ["b"], "it"),
        )

    proven(told(meets("Add", "g", "h"), meets("Sub", "g", "h")), "ELM001", "it")
    proven(told(meets("Sub", "g", "h"), meets("Sub", "h", "g")), "ELM001", "it")


IMAGES = {"x": RNG.normal(0, 1, (6, 4, 8)).astype(np.float32)}


def attention(scale=0.125, hidden=-1e9, axis=-1, divide=False):
    """Scores of a value with itself, masked."""
    mask = np.zeros((4, 4), bool)
    mask[:, 3] = True
    factor = number(1 / scale if divide else scale)
    return between(
        node("Transpose", ["a"], ["t"], perm=[0, 2, 1]),
        node("MatMul", ["a", "t"], ["scores"], "scores"),
        node("Div" if divide else "Mul", ["scores", "scale"], ["scaled"], "scaled"),
        node("Where", ["mask", "hidden", "scaled"], ["m"], "mask"),
        node("Softmax", ["m"], ["p"], "softmax", axis=axis),
        node("MatMul", ["p", "a"], ["b"], "mixed"),
        shape=("n", 4, 8),
        scale=factor,
        mask=mask,
        hidden=number(hidden),
    )


@pytest.mark.parametrize("divide", [False, True])
def test_attention(told, divide):
    mine = attention()
    scaled = attention(scale=0.5, divide=divide)
    proven(told(mine, scaled, IMAGES), "ATN001", "scaled")
    weak = attention(hidden=-1.0, divide=divide)
    proven(told(mine, weak, IMAGES), "ATN002", "mask")
    turned = attention(axis=1, divide=divide)
    found = proven(told(mine, turned, IMAGES), "SFT001", "softmax")
    assert "over axis 1; the reference over axis 2" in found.explanation
    assert told(mine, attention(divide=True), IMAGES) == ()


def test_softmax_before_opset_13_flattens(told):
    def net(opset, **attributes):
        one_axis = node("Softmax", ["a"], ["b"], "soft", **attributes)
        return between(one_axis, shape=("n", 4, 8), opset=opset)

    found = told(net(13, axis=2), net(11), IMAGES)
    assert [f.code for f in found] == ["SFT001"]
    assert "axes 1, 2 as one" in found[0].explanation
    assert told(net(13, axis=2), net(11, axis=2), IMAGES) == ()


def test_softmax_at_the_output(told):
    def net(times):
        nodes = [
            node("MatMul", ["x", "front"], ["v0"], "front"),
            *(node("Softmax", [f"v{i}"], [f"v{i + 1}"], axis=-1) for i in range(times)),
            node("Identity", [f"v{times}"], ["y"]),
        ]
        return built(nodes, {"front": FRONT})

    proven(told(net(1), net(0)), "SFT002")
    proven(told(net(1), net(2)), "SFT002")


def test_axes_of_a_reduction(told):
    square = {"x": RNG.normal(0, 1, (6, 8, 8)).astype(np.float32)}

    def net(axis):
        mean = node("ReduceMean", ["a", "axis"], ["b"], "mean", keepdims=0)
        return between(mean, shape=("n", 8, 8), axis=np.array([axis]))

    proven(told(net(1), net(2), square), "RED001", "mean")
    assert told(net(2), net(-1), square) == ()


def running(**attributes):
    total = node("CumSum", ["a", "axis"], ["b"], "sum", **attributes)
    return between(total, axis=number(1, np.int64))


def test_running_sums_and_remainders(told):
    proven(told(running(), running(exclusive=1)), "CUM001", "sum")
    proven(told(running(), running(reverse=1)), "CUM001", "sum")


def test_ties_of_integers(told):
    """Of numbers that rounding moves, any of nearly equal ones may be chosen."""

    def net(last):
        best = node("ArgMax", ["r"], ["i"], "best", axis=1, select_last_index=last)
        nodes = [
            node("MatMul", ["x", "front"], ["a"], "front"),
            node("Cast", ["a"], ["r"], to=TensorProto.INT32),
            best,
            node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
        ]
        return built(nodes, {"front": FRONT})

    proven(told(net(0), net(1)), "TIE001", "best")


def recurrent(op_type, parts, **attributes):
    w, r, b = parts
    attributes = {"hidden_size": 5, **attributes}
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        node(op_type, ["t", "w", "r", "b"], ["s", "h"], "cell", **attributes),
        node("Squeeze", ["h", "first"], ["y"]),
    ]
    arrays = {"w": w, "r": r, "b": b, "first": np.array([0])}
    return built(nodes, arrays, ("n", 4, 8))


def parameters(gates):
    shapes = (1, gates * 5, 8), (1, gates * 5, 5), (1, 2 * gates * 5)
    return [RNG.normal(0, 0.6, s).astype(np.float32) for s in shapes]


def reordered(parts, order):
    def moved(array):
        blocks = np.split(array, len(order), axis=1)
        return np.concatenate([blocks[i] for i in order], axis=1)

    w, r, b = parts
    halves = [moved(half) for half in np.split(b, 2, axis=1)]
    return moved(w), moved(r), np.concatenate(halves, axis=1)


def test_gates(told):
    parts = parameters(4)
    mine = recurrent("LSTM", parts)
    found = told(mine, recurrent("LSTM", reordered(parts, (0, 2, 3, 1))), IMAGES)
    assert (
        "holds its gates in the order ifco"
        in proven(found, "RNN001", "cell").explanation
    )
    changed = [parts[0] * np.float32(1.2), *parts[1:]]
    proven(told(mine, recurrent("LSTM", changed), IMAGES), "WGT001", "cell")


def test_biases_of_recurrent_layers(told):
    w, r, b = parameters(4)
    gone = b.copy()
    gone[:, 20:] = 0
    mine = recurrent("LSTM", (w, r, b))
    found = told(mine, recurrent("LSTM", (w, r, gone)), IMAGES)
    assert "no bias for the state" in proven(found, "WGT003", "cell").explanation
    gone[:, :20] += b[:, 20:]
    assert told(mine, recurrent("LSTM", (w, r, gone)), IMAGES) == ()


def test_settings_of_recurrent_layers(told):
    parts = parameters(3)
    mine = recurrent("GRU", parts)
    after = recurrent("GRU", parts, linear_before_reset=1)
    proven(told(mine, after, IMAGES), "RNN002", "cell")
    back = recurrent("GRU", parts, direction="reverse")
    proven(told(mine, back, IMAGES), "RNN003", "cell")
