"""The float64 form of a graph, against numpy in double."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnx_double import write_double
from harness.core.errors import ModelLoadError

X = np.float32([[0.1, 0.7], [1e-3, 3.0]])


def model(nodes, initializers=(), *, listed=(), dtype=TensorProto.FLOAT):
    shape = ["n", 2]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", dtype, shape), *(value(n, dtype, [2, 2]) for n in listed)],
        [value("y", dtype, shape)],
        [numpy_helper.from_array(array, name) for name, array in initializers],
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


@pytest.fixture
def double(tmp_path):
    """Writes a model and its float64 form, and runs that on the inputs."""

    def double(made, feed=X):
        path, target = tmp_path / "model.onnx", tmp_path / "double.onnx"
        onnx.save(made, path)
        write_double(path, target)
        onnx.checker.check_model(onnx.load(target), full_check=True)
        session = onnxruntime.InferenceSession(target)
        (answer,) = session.run(None, {"x": feed})
        return answer

    return double


@pytest.mark.parametrize("listed", [(), ("w",)])
def test_weights_and_arithmetic_are_double(double, listed):
    w = np.float32([[0.3, 1.0], [2.0, 1 / 3]])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    answer = double(model([node], [("w", w)], listed=listed))
    assert answer.dtype == np.float64
    exact = X.astype(np.float64) @ w.astype(np.float64)
    np.testing.assert_allclose(answer, exact, rtol=1e-15)


@pytest.mark.parametrize(
    "constant",
    [
        {"value": numpy_helper.from_array(np.float32([0.1]))},
        {"value_float": 0.1},
        {"value_floats": [0.1]},
    ],
)
def test_constants_of_every_spelling_are_double(double, constant):
    nodes = [
        helper.make_node("Constant", [], ["c"], **constant),
        helper.make_node("Mul", ["x", "c"], ["y"]),
    ]
    exact = X.astype(np.float64) * np.float64(np.float32(0.1))
    np.testing.assert_allclose(double(model(nodes)), exact, rtol=1e-15)


def test_what_the_file_casts_to_float_is_cast_to_double(double):
    nodes = [
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["half"], ["y"], to=TensorProto.FLOAT),
    ]
    np.testing.assert_array_equal(double(model(nodes)), X.astype(np.float64))


def test_half_models_are_fed_as_before(double):
    node = helper.make_node("Add", ["x", "x"], ["y"])
    half = X.astype(np.float16)
    answer = double(model([node], dtype=TensorProto.FLOAT16), half)
    np.testing.assert_array_equal(answer, 2 * half.astype(np.float64))


def test_a_taken_name_is_stepped_round(double):
    nodes = [
        helper.make_node("Neg", ["x"], ["x_float64"]),
        helper.make_node("Sub", ["x", "x_float64"], ["y"]),
    ]
    np.testing.assert_array_equal(double(model(nodes)), 2 * X.astype(np.float64))


def test_an_input_that_is_the_output_of_nothing_else_stays(double):
    answer = double(model([helper.make_node("Identity", ["x"], ["y"])]))
    np.testing.assert_array_equal(answer, X.astype(np.float64))


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), "rounds"),
        (helper.make_node("RandomNormalLike", ["x"], ["y"]), "draws"),
    ],
)
def test_what_rounds_on_purpose_has_no_such_form(tmp_path, node, reason):
    path = tmp_path / "model.onnx"
    onnx.save(model([node]), path)
    with pytest.raises(ModelLoadError, match=reason):
        write_double(path, tmp_path / "double.onnx")


def test_control_flow_has_none_either(tmp_path):
    one = helper.make_tensor_value_info("o", TensorProto.FLOAT, [1])
    constant = helper.make_node(
        "Constant", [], ["o"], value=numpy_helper.from_array(np.float32([1]))
    )
    branch = helper.make_graph([constant], "branch", [], [one])
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    path = tmp_path / "model.onnx"
    onnx.save(model([node]), path)
    with pytest.raises(ModelLoadError, match="control flow"):
        write_double(path, tmp_path / "double.onnx")
