"""Weights from arrays, and small real models as the tools write them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization
from onnxruntime.transformers.float16 import convert_float_to_float16

from harness.core.protocols import WeightTensor

OPSET = [helper.make_opsetid("", 18)]


@pytest.fixture
def weight():
    """Name, array -> WeightTensor."""

    def make(name, values, role="kernel", dtype=None, op_type="MatMul"):
        values = np.asarray(values)
        dtype = dtype or values.dtype.name
        return WeightTensor(name, values.shape, dtype, role, op_type, lambda: values)

    return make


@pytest.fixture
def save(tmp_path):
    """Nodes, initializers -> path of a model with input x and output y."""

    def make(nodes, initializers, x=("N", 4), y=None, name="model.onnx"):
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, y)],
            [
                numpy_helper.from_array(np.asarray(v), k)
                for k, v in initializers.items()
            ],
        )
        model = helper.make_model(graph, opset_imports=OPSET, ir_version=8)
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return make


@dataclass
class Network:
    """A convolution, a rectifier and a dense layer, and their true weights."""

    path: Path
    weights: dict[str, np.ndarray]


class Calibration(quantization.CalibrationDataReader):
    def __init__(self):
        x = np.random.default_rng(1).standard_normal((8, 2, 6, 6)).astype(np.float32)
        self._feeds = iter([{"x": x}])

    def get_next(self):
        return next(self._feeds, None)


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    rng = np.random.default_rng(0)
    weights = {
        "conv.weight": rng.standard_normal((5, 2, 3, 3)) * 0.3,
        "conv.bias": rng.standard_normal(5) * 0.1,
        "dense.weight": rng.standard_normal((80, 10)) * 0.2,
        "dense.bias": rng.standard_normal(10) * 0.1,
    }
    # One channel far larger than the others: scales by tensor and by channel differ.
    weights["conv.weight"][2] *= 8
    weights = {name: w.astype(np.float32) for name, w in weights.items()}
    constants = [numpy_helper.from_array(w, name) for name, w in weights.items()]
    constants.append(numpy_helper.from_array(np.array([0, 80]), "shape"))
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["c"], "conv"),
            helper.make_node("Relu", ["c"], ["r"], "relu"),
            helper.make_node("Reshape", ["r", "shape"], ["f"], "flatten"),
            helper.make_node("MatMul", ["f", "dense.weight"], ["m"], "dense"),
            helper.make_node("Add", ["m", "dense.bias"], ["y"], "add"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=OPSET, ir_version=8)
    path = tmp_path_factory.mktemp("network") / "float.onnx"
    onnx.save(model, path)
    return Network(path, weights)


@pytest.fixture(scope="session")
def quantized(network):
    """Name of a tool's setting -> the model it writes."""
    folder = network.path.parent

    def static(name, **options):
        path = folder / f"{name}.onnx"
        quantization.quantize_static(network.path, path, Calibration(), **options)
        return path

    def dynamic(name, **options):
        path = folder / f"{name}.onnx"
        quantization.quantize_dynamic(network.path, path, **options)
        return path

    formats = quantization.QuantFormat
    half = folder / "fp16.onnx"
    model = onnx.load(network.path)
    onnx.save(convert_float_to_float16(model, keep_io_types=True), half)
    return {
        "qdq": static("qdq", quant_format=formats.QDQ),
        "qdq-channel": static("qdqc", quant_format=formats.QDQ, per_channel=True),
        "qoperator": static("qop", quant_format=formats.QOperator),
        "qoperator-channel": static(
            "qopc", quant_format=formats.QOperator, per_channel=True
        ),
        "dynamic": dynamic("dyn"),
        "dynamic-uint8": dynamic(
            "dynu", weight_type=quantization.QuantType.QUInt8, per_channel=True
        ),
        "fp16": half,
    }
