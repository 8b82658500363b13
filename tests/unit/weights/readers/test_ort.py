"""Files that onnxruntime wrote, against the ONNX models they were made from."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnxruntime import quantization

from harness.core.errors import ModelLoadError
from harness.weights import reader_for

MODELS = Path(__file__).parents[4] / "golden" / "digits" / "models"


def converted(source, path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    # Nothing is folded: what is read must be what was there.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel(0)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(source, options, ["CPUExecutionProvider"])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ort")
    for name in ("digits", "digits-int8-static", "digits-fp16"):
        converted(MODELS / f"{name}.onnx", folder / f"{name}.ort")
    quantization.quantize_dynamic(
        MODELS / "digits.onnx", folder / "channels.onnx", per_channel=True
    )
    converted(folder / "channels.onnx", folder / "channels.ort")
    return folder


def read(path):
    form = path.suffix.removeprefix(".")
    return {tensor.name: tensor for tensor in reader_for(form)(path)}


@pytest.mark.parametrize("name", ["digits", "digits-int8-static", "digits-fp16"])
def test_it_is_what_its_onnx_model_is(folder, name):
    found, source = read(folder / f"{name}.ort"), read(MODELS / f"{name}.onnx")
    assert found.keys() == source.keys()
    for key, tensor in source.items():
        ours = found[key]
        assert (ours.shape, ours.dtype, ours.role) == (
            tensor.shape,
            tensor.dtype,
            tensor.role,
        )
        assert (ours.op_type, ours.layout, ours.node) == (
            tensor.op_type,
            tensor.layout,
            tensor.node,
        )
        np.testing.assert_array_equal(ours.load(), tensor.load())


def test_integers_come_as_the_floats_they_mean(folder):
    found, source = read(folder / "channels.ort"), read(folder / "channels.onnx")
    kernels = [key for key, tensor in source.items() if tensor.dtype != "float32"]
    assert kernels
    for key in kernels:
        np.testing.assert_array_equal(found[key].load(), source[key].load())


def test_a_file_that_is_cut_short(folder, tmp_path):
    whole = (folder / "digits.ort").read_bytes()
    path = tmp_path / "m.ort"
    for content in (b"", whole[:9], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ModelLoadError, match=r"m.ort is no whole ORT"):
            read(path)
