import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from harness.backends.onnx_reference_ import open_session
from harness.core.errors import InferenceError, ModelLoadError, UnsafeModelError


def save(path, node, fed, answered, **settings):
    graph = helper.make_graph([node], "g", fed, answered)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def tensor(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def test_specs_are_those_of_the_file(linear_file):
    session = open_session(linear_file(batch="n"), {})
    assert [
        (s.name, s.dtype, s.shape) for s in (*session.inputs, *session.outputs)
    ] == [
        ("x", "float32", ("n", 4)),
        ("y", "float32", ("n", 3)),
    ]
    assert session.runtime["version"] == onnx.__version__


def test_external_data_beside_the_model(external_file, weight):
    x = np.ones((2, 4), np.float32)
    found = open_session(external_file, {}).run({"x": x}, slice(0, 2))
    np.testing.assert_array_equal(found["y"], x @ weight)


def test_external_data_elsewhere_is_refused(external_file):
    model = onnx.load(external_file, load_external_data=False)
    model.graph.initializer[0].external_data[0].value = "../weights.bin"
    external_file.write_bytes(model.SerializeToString())
    with pytest.raises(UnsafeModelError, match="outside"):
        open_session(external_file, {})


def test_the_answer_is_not_the_feed(tmp_path):
    node = helper.make_node("Identity", ["x"], ["y"])
    path = save(tmp_path / "m.onnx", node, [tensor("x", ["n"])], [tensor("y", ["n"])])
    x = np.ones(2, np.float32)
    answer = open_session(path, {}).run({"x": x}, slice(0, 2))["y"]
    assert not np.shares_memory(answer, x)


def test_infinity_is_an_answer_and_no_warning(tmp_path):
    node = helper.make_node("Log", ["x"], ["y"])
    path = save(tmp_path / "m.onnx", node, [tensor("x", ["n"])], [tensor("y", ["n"])])
    x = np.zeros(2, np.float32)
    answer = open_session(path, {}).run({"x": x}, slice(0, 2))["y"]
    assert np.isneginf(answer).all()


def test_text(tmp_path):
    node = helper.make_node("Identity", ["x"], ["y"])
    text = TensorProto.STRING
    path = save(
        tmp_path / "m.onnx", node, [tensor("x", [2], text)], [tensor("y", [2], text)]
    )
    session = open_session(path, {})
    assert session.inputs[0].dtype == "str"
    found = session.run({"x": np.array(["a", "b"])}, slice(0, 2))
    assert found["y"].tolist() == ["a", "b"]


def test_an_operator_of_another_domain(tmp_path):
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    path = save(tmp_path / "m.onnx", node, [tensor("x", ["n"])], [tensor("y", ["n"])])
    with pytest.raises(ModelLoadError, match=r"m\.onnx.*Gelu") as caught:
        open_session(path, {})
    assert caught.value.hint


def test_a_sequence_is_no_tensor(tmp_path):
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    answer = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    path = save(tmp_path / "m.onnx", node, [tensor("x", ["n"])], [answer])
    with pytest.raises(ModelLoadError, match="'y' is a sequence"):
        open_session(path, {})


def test_a_batch_that_an_operator_refuses(tmp_path):
    node = helper.make_node("Add", ["x", "z"], ["y"])
    fed = [tensor("x", ["n", None]), tensor("z", ["n", None])]
    path = save(tmp_path / "m.onnx", node, fed, [tensor("y", ["n", None])])
    feeds = {"x": np.ones((2, 3), np.float32), "z": np.ones((2, 4), np.float32)}
    with pytest.raises(InferenceError, match="onnx-reference fails on a batch"):
        open_session(path, {}).run(feeds, slice(0, 2))
