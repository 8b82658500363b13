from pathlib import Path

import onnxruntime as ort
import pytest

from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec
from harness.inspection import inspect_model

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The digits model as onnxruntime itself saves it."""
    path = tmp_path_factory.mktemp("ort") / "digits.ort"
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(MODELS / "digits.onnx", options, ["CPUExecutionProvider"])
    return path


def test_it_tells_what_its_onnx_model_tells(digits):
    found = inspect_model(digits, "ort")
    source = inspect_model(MODELS / "digits.onnx", "onnx")
    assert found.inputs == source.inputs
    assert found.outputs == source.outputs
    assert found.inputs == (TensorSpec("image", "float32", ("batch", 8, 8, 1)),)
    assert found.producer == source.producer
    assert found.ir_version == source.ir_version
    assert found.opset_imports["ai.onnx"] == source.opset_imports["ai.onnx"]
    assert found.operators["Conv"] == source.operators["Conv"]
    assert found.version.startswith("ORT format ")
    assert 7000 < found.n_parameters <= source.n_parameters
    assert found.safety == ()


def test_a_file_cut_or_without_a_graph_is_an_error(digits, tmp_path):
    whole = digits.read_bytes()
    path = tmp_path / "m.ort"
    for content in (whole[:9], whole[: len(whole) // 2], b"\x08\0\0\0ORTM" + bytes(60)):
        path.write_bytes(content)
        with pytest.raises(ModelLoadError, match="no whole ORT"):
            inspect_model(path, "ort")
