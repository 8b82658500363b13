"""Models as good tools write them give no error, and next to nothing at all."""

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType

from harness.weights.audit import audit_quantization, read_quantization

MODELS = Path(__file__).parents[4] / "golden" / "digits" / "models"


@pytest.fixture(scope="module")
def openvino_digits(tmp_path_factory):
    """Both quantized digits models as OpenVINO converts them."""
    folder = tmp_path_factory.mktemp("openvino")
    for name in ("digits-int8.tflite", "digits-int8-static.onnx"):
        model = openvino.convert_model(MODELS / name)
        openvino.save_model(model, folder / f"{name}.xml")
    return folder


@pytest.mark.parametrize(
    ("name", "form", "counts"),
    [
        ("digits-int8-static.onnx", "onnx", (9, 8, 5, 9)),
        ("digits-int8-dynamic.onnx", "onnx", (3, 3, 3, 0)),
        ("digits-int8.tflite", "litert", (8, 8, 5, 7)),
    ],
)
def test_golden_models_are_silent(audit, name, form, counts):
    found = audit(MODELS / name, form, floats=True, data=True)
    assert found.findings == ()
    seen = (found.n_activations, found.n_weights, found.n_compared, found.n_ranged)
    assert seen == counts


@pytest.mark.parametrize(
    ("name", "n_ranged"), [("digits-int8.tflite", 0), ("digits-int8-static.onnx", 7)]
)
def test_openvino_models_have_no_error(audit, openvino_digits, name, n_ranged):
    found = audit(openvino_digits / f"{name}.xml", "openvino", floats=True, data=True)
    assert {f.code for f in found.findings} <= {"QNT504"}
    assert found.n_activations in (8, 9)
    assert found.n_compared >= 3
    assert found.n_ranged == n_ranged


@pytest.mark.parametrize(
    "options",
    [
        {"quant_format": QuantFormat.QDQ},
        {"quant_format": QuantFormat.QDQ, "per_channel": True},
        {"quant_format": QuantFormat.QOperator},
        {"quant_format": QuantFormat.QOperator, "activation_type": QuantType.QUInt8},
    ],
    ids=str,
)
def test_networks_of_one_size_are_silent(network, options, tmp_path, calibrated):
    path = calibrated(network.path, tmp_path / "q.onnx", reduce_range=True, **options)
    model = read_quantization(path, "onnx")
    assert sum(v.is_constant for v in model.values.values()) >= 2
    assert len(list(model.activations)) >= 3
    assert audit_quantization(model).findings == ()


def test_float_models_have_nothing_to_look_at(audit):
    found = audit(MODELS / "digits.onnx", "onnx", floats=True, data=True)
    assert (found.n_activations, found.n_weights, found.findings) == (0, 0, ())


def test_forms_without_quantized_activations():
    assert read_quantization(MODELS / "digits.keras", "keras") is None


def test_zeros_of_a_sparse_weight_are_not_clipped(tmp_path):
    """Weights of zero and more, asymmetric: the lowest code means zero."""
    generator = np.random.default_rng(0)
    weight = np.maximum(generator.normal(size=(64, 32)), 0).astype(np.float32)
    scale = np.float32(weight.max() / 255)
    constants = {
        "w": np.round(weight / scale).astype(np.uint8),
        "scale": scale,
        "zero": np.uint8(0),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["kernel"]),
        helper.make_node("MatMul", ["x", "kernel"], ["y"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in (("x", 64), ("y", 32))
    ]
    tensors = [numpy_helper.from_array(a, name) for name, a in constants.items()]
    graph = helper.make_graph(nodes, "sparse", ends[:1], ends[1:], tensors)
    opsets = [helper.make_opsetid("", 17)]
    path = tmp_path / "sparse.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    model = read_quantization(path, "onnx")
    assert sum(value.is_constant for value in model.values.values()) == 1
    assert audit_quantization(model).findings == ()
