"""Models that real quantizers wrote, and edits of them."""

import copy
from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import helper, numpy_helper
from onnxruntime import quantization

from harness.weights import reader_for
from harness.weights.audit import audit_quantization, read_quantization
from harness.weights.audit.ranges import activation_ranges

GOLDEN = Path(__file__).parents[4] / "golden" / "digits"
MODELS = GOLDEN / "models"


def session_run(model, feeds):
    """A session a call: the models are small."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def batches():
    with np.load(GOLDEN / "data" / "shard-000.npz") as shard:
        images = shard["image"] * np.float32(0.0625)
    return ({"image": images[i : i + 60]} for i in range(0, 180, 60))


@pytest.fixture(scope="session")
def digits_ranges():
    """What the golden data show at every value of the float model."""
    return activation_ranges(
        (MODELS / "digits.onnx").read_bytes(), session_run, batches
    )


@pytest.fixture(scope="session")
def audit(digits_ranges):
    """Path, form -> audit; with the float model's weights and ranges if wanted."""

    def run(path, form, floats=False, data=False):
        return audit_quantization(
            read_quantization(Path(path), form),
            reader_for("onnx")(MODELS / "digits.onnx") if floats else None,
            digits_ranges if data else None,
        )

    return run


class OnnxEdit:
    """The statically quantized digits model, with initializers to be changed."""

    def __init__(self, path):
        self.model = onnx.load(MODELS / "digits-int8-static.onnx")
        self._path = path

    def name(self, part):
        (name,) = (t.name for t in self.model.graph.initializer if part in t.name)
        return name

    def get(self, part):
        return numpy_helper.to_array(self._tensor(part)).copy()

    def set(self, part, values):
        tensor = self._tensor(part)
        values = np.asarray(values, numpy_helper.to_array(tensor).dtype)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    def save(self):
        onnx.save(self.model, self._path)
        return self._path

    def _tensor(self, part):
        name = self.name(part)
        return next(t for t in self.model.graph.initializer if t.name == name)


@pytest.fixture
def onnx_edit(tmp_path):
    return OnnxEdit(tmp_path / "edited.onnx")


@pytest.fixture(scope="session")
def lite_model():
    data = (MODELS / "digits-int8.tflite").read_bytes()
    return schema.ModelT.InitFromPackedBuf(data, 0)


class LiteEdit:
    """The int8 LiteRT digits model, by TensorFlow's own schema."""

    def __init__(self, model, path):
        self.model = copy.deepcopy(model)
        self._path = path

    def tensor(self, name):
        found = [t for t in self.model.subgraphs[0].tensors if t.name.decode() == name]
        (tensor,) = found
        return tensor

    def quantization(self, name):
        return self.tensor(name).quantization

    def data(self, name):
        return self.model.buffers[self.tensor(name).buffer].data.view(np.int8)

    def save(self):
        builder = flatbuffers.Builder()
        builder.Finish(self.model.Pack(builder), b"TFL3")
        self._path.write_bytes(builder.Output())
        return self._path


@pytest.fixture
def lite_edit(lite_model, tmp_path):
    return LiteEdit(lite_model, tmp_path / "edited.tflite")


class Calibration(quantization.CalibrationDataReader):
    def __init__(self, feeds):
        self._feeds = iter(feeds)

    def get_next(self):
        return next(self._feeds, None)


@pytest.fixture(scope="session")
def depthwise(tmp_path_factory):
    """Settings of a quantizer -> a depthwise network that it quantized.

    Weights of the first channels are 200 times smaller than those of the others.
    """
    folder = tmp_path_factory.mktemp("depthwise")
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((16, 1, 3, 3)).astype(np.float32)
    kernel[:6] /= 80
    mixing = rng.standard_normal((24, 16, 1, 1)).astype(np.float32)
    shape = ["N", 16, 8, 8]
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["d"], "depthwise", group=16),
        helper.make_node("Relu", ["d"], ["r"], "relu"),
        helper.make_node("Conv", ["r", "mixing"], ["y"], "pointwise"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(mixing, "mixing"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(
        helper.make_model(graph, opset_imports=opset, ir_version=8),
        folder / "float.onnx",
    )
    feeds = [{"x": rng.standard_normal((4, 16, 8, 8)).astype(np.float32)}]

    def quantized(name, **options):
        path = folder / f"{name}.onnx"
        if not path.exists():
            quantization.quantize_static(
                folder / "float.onnx", path, Calibration(feeds), **options
            )
        return path

    return quantized


@pytest.fixture(scope="session")
def calibrated():
    """Float model, path of the quantized one, settings -> that path."""

    def make(source, path, **options):
        rng = np.random.default_rng(1)
        x = rng.standard_normal((8, 2, 6, 6)).astype(np.float32)
        quantization.quantize_static(source, path, Calibration([{"x": x}]), **options)
        return path

    return make
