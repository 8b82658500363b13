"""Functions of one number are recognised by what they answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from harness.graphs.functions import GRID, Function, evaluated, recognise
from harness.graphs.onnx_graph import read_graph

SLOPES = st.floats(0.02, 0.9).map(lambda x: round(x, 3))


def seen(values):
    return recognise(GRID, np.asarray(values, np.float32).astype(np.float64))


@settings(max_examples=30, deadline=None)
@given(SLOPES)
def test_slopes_are_read_off(slope):
    bent = np.where(GRID < 0, slope * GRID, GRID)
    assert seen(bent) == Function("leaky_relu", (slope,))
    gate = np.clip(slope * GRID + 0.5, 0, 1)
    assert seen(gate) == Function("hard_sigmoid", (slope, 0.5))


@settings(max_examples=30, deadline=None)
@given(st.integers(-8, 0), st.integers(1, 90))
def test_limits_are_read_off(low, high):
    assert seen(np.clip(GRID, low, high)) == Function("clip", (low, high))


@settings(max_examples=30, deadline=None)
@given(st.floats(-9, 9).filter(lambda x: abs(x) > 0.1), st.floats(-4, 4))
def test_lines_are_read_off(gain, offset):
    found = seen(gain * GRID + offset)
    assert found is not None
    assert found.family == "linear"
    assert found.parameters == pytest.approx((gain, offset), rel=1e-4, abs=1e-4)


def test_what_has_no_name_gets_none():
    assert seen(np.sin(GRID)) is None
    assert seen(np.full_like(GRID, np.nan)) is None


@pytest.mark.parametrize(
    ("op_type", "attributes", "text"),
    [
        ("Relu", {}, "Relu"),
        ("HardSwish", {}, "HardSwish(0.1667, 0.5)"),
        ("Mish", {}, "mish"),
        ("Softplus", {}, "softplus"),
        ("ThresholdedRelu", {"alpha": 2.0}, "ThresholdedRelu(2)"),
        ("Gelu", {"approximate": "tanh"}, "GELU (tanh)"),
        ("Round", {}, "rounding halves to even"),
        ("Abs", {}, "abs"),
        ("Identity", {}, "nothing"),
    ],
)
def test_operators_are_evaluated_from_the_file(op_type, attributes, text):
    values = [helper.make_tensor_value_info(k, TensorProto.FLOAT, ["n"]) for k in "xy"]
    made = helper.make_node(op_type, ["x"], ["y"], **attributes)
    graph = helper.make_graph([made], "g", values[:1], values[1:])
    imports = [helper.make_opsetid("", 22)]
    read = read_graph(helper.make_model(graph, opset_imports=imports))
    answer = evaluated(read, read.nodes, "x", "y")
    assert answer is not None
    found = recognise(GRID, answer)
    assert found is not None
    assert found.text == text
