"""Faults planted in models of real quantizers, each found and named."""

import numpy as np
import onnx
import openvino
import pytest
from onnxruntime.quantization import QuantFormat, QuantType
from openvino import opset13 as ops

from harness.core.errors import ModelLoadError
from harness.weights.audit import audit_quantization, read_quantization
from harness.weights.audit.ranges import RangeSketch

CONV = "conv2_1/convolution/ReadVariableOp:0"
ADD = "bn1_1/batchnorm/add_1:0"


def by_code(audit):
    return {finding.code: finding for finding in audit.findings}


def errors(audit):
    return {f.code for f in audit.findings if f.severity == "error"}


def test_one_channels_scale_eight_times_off(onnx_edit, audit):
    scale = onnx_edit.get(f"{CONV}_scale")
    scale[5] *= 8
    onnx_edit.set(f"{CONV}_scale", scale)
    found = by_code(audit(onnx_edit.save(), "onnx", floats=True))
    assert set(found) == {"QNT301", "QNT701"}
    wrong = found["QNT701"]
    assert (wrong.severity, wrong.cause) == ("error", "quant.scale")
    assert wrong.numbers["channel"] == 5
    assert wrong.numbers["gain"] == pytest.approx(8, rel=0.02)
    assert wrong.numbers["n"] == 1
    assert wrong.tensor.endswith(f"{CONV}_quantized")
    assert "scale of channel 5" in wrong.explanation
    # Without the float model, the bias still tells.
    assert found["QNT301"].numbers["ratio"] == pytest.approx(1 / 8)
    assert errors(audit(onnx_edit.save(), "onnx")) == {"QNT301"}


def test_one_channel_rounded_with_a_scale_eight_times_too_large(onnx_edit, audit):
    """The numbers are right, and three bits coarser."""
    scale, codes = onnx_edit.get(f"{CONV}_scale"), onnx_edit.get(f"{CONV}_quantized")
    bias = onnx_edit.get("conv2_1/Squeeze:0_quantized_scale")
    scale[5], bias[5] = scale[5] * 8, bias[5] * 8
    codes[5] = np.rint(codes[5] / 8)
    onnx_edit.set(f"{CONV}_scale", scale)
    onnx_edit.set(f"{CONV}_quantized", codes)
    onnx_edit.set("conv2_1/Squeeze:0_quantized_scale", bias)
    found = by_code(audit(onnx_edit.save(), "onnx", floats=True))
    assert set(found) == {"QNT502", "QNT704"}
    assert found["QNT704"].severity == "error"
    # The tool's own scale leaves one bit of eight unused.
    assert found["QNT704"].numbers["ratio"] == pytest.approx(16, rel=0.05)
    assert found["QNT502"].numbers == {
        "channel": 5,
        "peak": 8,
        "bits": pytest.approx(np.log2(127 / 8)),
        "n": 1,
    }


@pytest.mark.parametrize("factor", [0.25, 1.5])
def test_bias_scales(onnx_edit, audit, factor):
    scale = onnx_edit.get("conv1_1/Squeeze:0_quantized_scale")
    onnx_edit.set("conv1_1/Squeeze:0_quantized_scale", scale * factor)
    (finding,) = audit(onnx_edit.save(), "onnx").findings
    assert (finding.code, finding.severity) == ("QNT301", "error")
    assert finding.numbers["ratio"] == pytest.approx(factor)
    assert finding.numbers["n"] == 16
    assert finding.node == "digits_1/conv1_1/BiasAdd"


def test_bias_zero_point(onnx_edit, audit):
    zero = onnx_edit.get("conv1_1/Squeeze:0_quantized_zero_point")
    zero[3] = 7
    onnx_edit.set("conv1_1/Squeeze:0_quantized_zero_point", zero)
    (finding,) = audit(onnx_edit.save(), "onnx").findings
    assert (finding.code, finding.numbers) == ("QNT302", {"zero_point": 7})


def test_zero_point_of_a_weight_moved(onnx_edit, audit):
    zero = onnx_edit.get(f"{CONV}_zero_point")
    zero[2] = 5
    onnx_edit.set(f"{CONV}_zero_point", zero)
    path = onnx_edit.save()
    found = by_code(audit(path, "onnx", floats=True))
    assert set(found) == {"QNT401", "QNT702"}
    assert found["QNT702"].numbers["steps"] == pytest.approx(-5, abs=0.1)
    assert found["QNT702"].numbers["channel"] == 2
    assert [f.code for f in audit(path, "onnx").findings] == ["QNT401"]


def test_zero_point_of_an_activation_moved(onnx_edit, audit):
    onnx_edit.set(f"{ADD}_zero_point", 60)
    path = onnx_edit.save()
    found = by_code(audit(path, "onnx", data=True))
    assert set(found) == {"QNT801"}
    assert found["QNT801"].severity == "error"
    assert "add_1:0" in found["QNT801"].tensor


def test_observer_left_at_its_default(onnx_edit, audit):
    onnx_edit.set(f"{ADD}_scale", 1.0)
    onnx_edit.set(f"{ADD}_zero_point", 0)
    found = by_code(audit(onnx_edit.save(), "onnx"))
    # And the bias behind it was made for another scale.
    assert set(found) == {"QNT201", "QNT301"}
    assert found["QNT201"].cause == "quant.observer"
    assert "saw no data" in found["QNT201"].explanation
    assert "QNT802" in errors(audit(onnx_edit.save(), "onnx", data=True))


def test_observer_that_saw_one_number(onnx_edit, audit):
    onnx_edit.set("probabilities_1/BiasAdd:0_scale", np.finfo(np.float32).eps)
    (finding,) = audit(onnx_edit.save(), "onnx").findings
    assert (finding.code, finding.cause) == ("QNT202", "quant.observer")


@pytest.mark.parametrize(
    ("low", "high", "severity"), [(-1, 1, "warning"), (0, 6, "info")]
)
def test_one_range_for_all_activations(lite_edit, audit, low, high, severity):
    for tensor in lite_edit.model.subgraphs[0].tensors:
        scales = tensor.quantization.scale
        if tensor.buffer and scales is not None and len(scales) == 1:
            is_empty = lite_edit.model.buffers[tensor.buffer].data is None
            if is_empty and b"Call:0" not in tensor.name:
                tensor.quantization.scale = [(high - low) / 255]
                tensor.quantization.zeroPoint = [round(-128 - low * 255 / (high - low))]
    found = by_code(audit(lite_edit.save(), "litert"))
    assert found["QNT203"].severity == severity
    assert found["QNT203"].numbers["high"] == pytest.approx(high, abs=0.02)


def test_saturated_weights(onnx_edit, audit):
    scale, codes = onnx_edit.get(f"{CONV}_scale"), onnx_edit.get(f"{CONV}_quantized")
    floats = codes * scale[:, None, None, None]
    scale /= 8
    clipped = np.clip(np.rint(floats / scale[:, None, None, None]), -127, 127)
    onnx_edit.set(f"{CONV}_scale", scale)
    onnx_edit.set(f"{CONV}_quantized", clipped)
    path = onnx_edit.save()
    found = by_code(audit(path, "onnx", floats=True))
    assert {"QNT501", "QNT703"} <= set(found)
    n_lost = np.count_nonzero(np.abs(clipped) == 127)
    assert found["QNT501"].severity == "error"
    assert found["QNT501"].numbers["n"] == pytest.approx(n_lost, rel=0.2)
    assert found["QNT703"].severity == "error"
    assert "QNT501" in errors(audit(path, "onnx"))


def test_asymmetric_weights(network, calibrated, tmp_path):
    path = calibrated(
        network.path,
        tmp_path / "asymmetric.onnx",
        quant_format=QuantFormat.QDQ,
        extra_options={"WeightSymmetric": False},
    )
    found = by_code(audit_quantization(read_quantization(path, "onnx")))
    assert found["QNT401"].severity == "warning"
    assert found["QNT401"].cause == "quant.asymmetric"


@pytest.mark.parametrize("factor", [1 / 8, 1 / 64])
def test_stale_observer_too_narrow(onnx_edit, audit, factor):
    onnx_edit.set(f"{ADD}_scale", onnx_edit.get(f"{ADD}_scale") * factor)
    found = by_code(audit(onnx_edit.save(), "onnx", data=True))
    finding = found["QNT801"]
    assert (finding.severity, finding.cause) == ("error", "quant.clipping")
    assert finding.numbers["seen_max"] > 6 * finding.numbers["high"]
    assert finding.numbers["share"] > 0.05


@pytest.mark.parametrize(("factor", "severity"), [(6, "warning"), (40, "error")])
def test_stale_observer_too_wide(onnx_edit, audit, factor, severity):
    onnx_edit.set(f"{ADD}_scale", onnx_edit.get(f"{ADD}_scale") * factor)
    finding = by_code(audit(onnx_edit.save(), "onnx", data=True))["QNT802"]
    assert finding.severity == severity
    assert finding.numbers["ratio"] == pytest.approx(factor, rel=0.15)


@pytest.mark.parametrize("scale", [0, np.nan, np.inf, -1.0, 1e-42])
def test_scales_that_are_none(onnx_edit, audit, scale):
    onnx_edit.set("conv1_1/Relu:0_scale", scale)
    found = by_code(audit(onnx_edit.save(), "onnx", floats=True, data=True))
    assert found["QNT101"].severity == "error"
    assert found["QNT101"].tensor.startswith("digits_1/conv1_1/Relu:0")


def test_written_with_one_scale_and_read_with_another(onnx_edit, audit):
    graph = onnx_edit.model.graph
    node = next(n for n in graph.node if n.name.endswith(f"{ADD}_DequantizeLinear"))
    node.input[1] = onnx_edit.name("conv1_1/Relu:0_scale")
    finding = by_code(audit(onnx_edit.save(), "onnx"))["QNT103"]
    assert finding.cause == "quant.agreement"
    assert finding.node == node.name
    assert finding.numbers["other_scale"] == pytest.approx(0.011313848)


def test_rounded_again_for_nothing(onnx_edit, audit):
    """The rectifier's scale is that of three values: one gets its own."""
    graph = onnx_edit.model.graph
    scale = onnx.numpy_helper.from_array(np.float32(0.01), "own_scale")
    graph.initializer.append(scale)
    for node in graph.node:
        if node.name.startswith("Transpose_7:0_"):
            node.input[1] = "own_scale"
    findings = audit(onnx_edit.save(), "onnx").findings
    assert {(f.code, f.severity) for f in findings} == {("QNT601", "warning")}


def test_scales_and_zero_points_that_do_not_fit(onnx_edit, audit):
    graph = onnx_edit.model.graph
    name = onnx_edit.name(f"{ADD}_zero_point")
    for tensor in graph.initializer:
        if tensor.name == name:
            wrong = onnx.numpy_helper.from_array(np.zeros(3, np.int8), name)
            tensor.CopyFrom(wrong)
    with pytest.raises(ModelLoadError, match="1 scales and 3 zero points"):
        audit(onnx_edit.save(), "onnx")


def test_depthwise_kernel_with_one_scale(depthwise):
    path = depthwise("tensor", quant_format=QuantFormat.QDQ)
    found = by_code(audit_quantization(read_quantization(path, "onnx")))
    finding = found["QNT503"]
    assert (finding.severity, finding.cause) == ("error", "quant.granularity")
    assert finding.numbers["n"] == 6
    path = depthwise("channel", quant_format=QuantFormat.QDQ, per_channel=True)
    assert audit_quantization(read_quantization(path, "onnx")).findings == ()


@pytest.mark.parametrize("style", [QuantFormat.QDQ, QuantFormat.QOperator])
def test_unsigned_inputs_of_signed_weights(depthwise, style):
    settings = {
        "quant_format": style,
        "activation_type": QuantType.QUInt8,
        "weight_type": QuantType.QInt8,
        "per_channel": True,
    }
    path = depthwise(f"u8s8-{style}", **settings)
    (finding,) = audit_quantization(read_quantization(path, "onnx")).findings
    assert (finding.code, finding.cause) == ("QNT504", "quant.overflow")
    assert finding.numbers["largest"] > 32767
    assert finding.numbers["n"] == 2
    path = depthwise(f"u8s7-{style}", reduce_range=True, **settings)
    assert audit_quantization(read_quantization(path, "onnx")).findings == ()


def test_litert_weights_must_be_symmetric(lite_edit, audit):
    quantization = lite_edit.quantization("digits_1/conv2_1/convolution")
    quantization.zeroPoint = [0] * 23 + [3]
    found = by_code(audit(lite_edit.save(), "litert", floats=True))
    assert found["QNT401"].severity == "error"
    assert found["QNT401"].numbers == {"zero_point": 3, "channel": 23, "n": 1}
    assert found["QNT702"].numbers["channel"] == 23


def test_litert_weights_end_at_minus_127(lite_edit, audit):
    lite_edit.data("digits_1/conv2_1/convolution")[7] = -128
    (finding,) = audit(lite_edit.save(), "litert").findings
    assert (finding.code, finding.severity) == ("QNT402", "warning")
    assert finding.numbers == {"n": 1, "code": -128}


def test_litert_scale_of_one_channel(lite_edit, audit):
    scale = lite_edit.quantization("digits_1/conv2_1/convolution").scale
    scale[11] *= 8
    found = by_code(audit(lite_edit.save(), "litert", floats=True))
    assert set(found) == {"QNT301", "QNT701"}
    assert found["QNT701"].numbers["channel"] == 11
    assert found["QNT701"].numbers["gain"] == pytest.approx(8, rel=0.02)


def test_litert_bias(lite_edit, audit):
    quantization = lite_edit.quantization("digits_1/probabilities_1/BiasAdd")
    quantization.scale = quantization.scale * 2
    (finding,) = audit(lite_edit.save(), "litert").findings
    assert (finding.code, finding.numbers["n"]) == ("QNT301", 10)


def test_litert_reshape_hands_on_codes(lite_edit, audit):
    quantization = lite_edit.quantization("digits_1/flatten_1/Reshape")
    quantization.scale = quantization.scale * np.float32(1.5)
    found = by_code(audit(lite_edit.save(), "litert"))
    assert found["QNT601"].severity == "error"
    assert "RESHAPE hands on codes" in found["QNT601"].explanation


def test_litert_softmax_has_a_range_of_its_own(lite_edit, audit):
    lite_edit.quantization("StatefulPartitionedCall:0").scale = [0.01]
    (finding,) = audit(lite_edit.save(), "litert").findings
    assert (finding.code, finding.numbers["wanted"]) == ("QNT602", 1 / 256)


def test_litert_stale_observer(lite_edit, audit):
    quantization = lite_edit.quantization("digits_1/bn1_1/batchnorm/add_1")
    quantization.scale = quantization.scale / np.float32(10)
    found = by_code(audit(lite_edit.save(), "litert", data=True))
    assert found["QNT801"].severity == "error"


@pytest.fixture
def fake(tmp_path):
    """Ends of a FakeQuantize -> path of a model around it."""

    def make(low, high):
        x = ops.parameter([1, 4], np.float32, name="x")
        relu = ops.relu(x)
        relu.set_friendly_name("relu")
        relu.output(0).get_tensor().set_names({"relu"})
        ends = [np.float32(v) for v in (low, high, low, high)]
        y = ops.fake_quantize(relu, *map(ops.constant, ends), levels=256)
        path = tmp_path / "m.xml"
        openvino.save_model(openvino.Model([y], [x]), path, compress_to_fp16=False)
        return path

    return make


@pytest.mark.parametrize(
    ("ends", "code", "severity"),
    [
        ((0, 1), "QNT801", "error"),
        ((0, 150), "QNT802", "warning"),
        ((0, 1000), "QNT802", "error"),
        ((0, 1e-6), "QNT202", "error"),
        ((0, 0), "QNT101", "error"),
        ((1, 10), "QNT102", "warning"),
        ((-1, 10), "QNT104", "info"),
    ],
)
def test_openvino_ranges(fake, ends, code, severity):
    sketch = RangeSketch()
    sketch.update(np.linspace(0, 10, 1000, dtype=np.float32))
    model = read_quantization(fake(*ends), "openvino")
    found = by_code(audit_quantization(model, ranges={"relu": sketch.result()}))
    assert found[code].severity == severity
