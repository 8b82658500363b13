"""A model's digest and size cover every file that it is made of."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.backends.model_files import model_digest, model_files, model_size
from harness.core.provenance import sha256_of


def write(folder, *names):
    for name in names:
        (folder / name).write_bytes(name.encode())


@pytest.mark.parametrize(
    ("names", "path", "options"),
    [
        (("m.xml", "m.bin"), "m.xml", {}),
        (("m.prototxt", "m.caffemodel"), "m.caffemodel", {}),
        (
            ("m.prototxt", "other.caffemodel"),
            "m.prototxt",
            {"weights": "other.caffemodel"},
        ),
        (("m.cfg", "m.weights"), "m.weights", {}),
        (("m.json", "m.weights.h5"), "m.json", {}),
        (("c.index", "c.data-00000-of-00001", "c.meta"), "c", {}),
        (("c.index", "c.data-00000-of-00001"), "c.index", {}),
    ],
)
def test_all_files_count(tmp_path, names, path, options):
    write(tmp_path, *names, "unrelated.txt", "m.txt")
    target = tmp_path / path
    assert {file.name for file in model_files(target, options)} == set(names)
    assert model_size(target, options) == sum(map(len, names))
    before = model_digest(target, options)
    for name in names:
        original = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(b"changed")
        assert model_digest(target, options) != before, name
        (tmp_path / name).write_bytes(original)
    assert model_digest(target, options) == before


def test_a_single_file_keeps_its_own_digest(tmp_path):
    write(tmp_path, "m.tflite")
    assert model_digest(tmp_path / "m.tflite", {}) == sha256_of(tmp_path / "m.tflite")


def test_external_data_count(tmp_path):
    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    path = tmp_path / "m.onnx"
    onnx.save(model, path, save_as_external_data=True, location="m.data")
    assert {f.name for f in model_files(path, {})} == {"m.onnx", "m.data"}


def test_what_is_not_there_is_an_error_of_the_system(tmp_path):
    assert model_files(tmp_path / "nothing.onnx", {}) == ()
    with pytest.raises(OSError, match=r"nothing\.onnx"):
        model_digest(tmp_path / "nothing.onnx", {})
