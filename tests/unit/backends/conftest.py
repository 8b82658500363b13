"""Small ONNX models, made with what opset and IR version a test wants."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

WEIGHT = np.arange(12, dtype=np.float32).reshape(4, 3) / 8


def linear(opset=18, ir_version=9, batch="n", elem_type=TensorProto.FLOAT):
    """y = x W, x of shape (batch, 4)."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["y"], name="matmul")],
        "linear",
        [helper.make_tensor_value_info("x", elem_type, [batch, 4])],
        [helper.make_tensor_value_info("y", elem_type, [batch, 3])],
        [numpy_helper.from_array(WEIGHT, "W")],
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version,
    )


@pytest.fixture
def weight():
    return WEIGHT


@pytest.fixture
def make_linear():
    return linear


@pytest.fixture
def linear_file(tmp_path):
    """Saves a linear model and gives its path."""

    def saved(**settings):
        path = tmp_path / "linear.onnx"
        onnx.save(linear(**settings), path)
        return path

    return saved


@pytest.fixture
def external_file(tmp_path):
    """A linear model whose weight lies in another file."""
    model = linear()
    path = tmp_path / "linear.onnx"
    onnx.save(
        model,
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    return path
