"""Weights whose codes were made from the float ones times a gain a channel."""

import numpy as np
import pytest

from harness.core.protocols import StoredCodes, WeightTensor
from harness.weights.audit import audit_quantization
from harness.weights.audit.values import QuantizedModel, value_of_weight

RNG = np.random.default_rng(0)
FLOATS = RNG.normal(0, 0.1, (16, 4, 3, 3)).astype(np.float32)


def reference():
    return [
        WeightTensor(
            "w", FLOATS.shape, "float32", "kernel", "Conv", lambda: FLOATS, "OIHW"
        )
    ]


def quantized(values, scale):
    """Codes of `values`; `scale` is what the file says of them, and they were made
    with the one that fits."""
    per = values.reshape(16, -1) if scale.size > 1 else values.reshape(1, -1)
    shape = (-1, 1, 1, 1)
    right = np.abs(per).max(axis=1) / 127
    codes = np.round(values / right.reshape(shape)).astype(np.int64)
    axis = 0 if scale.size > 1 else None
    stored = StoredCodes(scale, np.zeros(scale.size), axis, -127, 127, lambda: codes)
    numbers = (codes * scale.reshape(shape)).astype(np.float32)
    tensor = WeightTensor(
        "w_quantized",
        values.shape,
        "int8",
        "kernel",
        "Conv",
        lambda: numbers,
        "OIHW",
        codes=stored,
    )
    value = value_of_weight(tensor)
    return QuantizedModel("onnx", {value.key: value}, ())


def scales(values, *, by_channel):
    rows = values.reshape(16 if by_channel else 1, -1)
    return np.abs(rows).max(axis=1) / 127


@pytest.mark.parametrize("by_channel", [True, False])
def test_folding_that_nobody_recognised_is_no_wrong_scale(by_channel):
    gains = RNG.uniform(1, 12, 16).astype(np.float32)
    values = FLOATS * gains[:, None, None, None]
    model = quantized(values, scales(values, by_channel=by_channel))
    found = audit_quantization(model, reference())
    assert found.n_compared == 0
    assert [f.code for f in found.findings if f.code.startswith("QNT7")] == []


@pytest.mark.parametrize("by_channel", [True, False])
def test_the_same_weights_are_compared(by_channel):
    model = quantized(FLOATS, scales(FLOATS, by_channel=by_channel))
    found = audit_quantization(model, reference())
    assert (found.n_compared, found.findings) == (1, ())


@pytest.mark.parametrize(
    "change",
    {
        "one channel": lambda scale: np.append(scale[:-1], scale[-1] * 8),
        "all": lambda scale: scale * 8,
        "changed places": lambda scale: np.roll(scale * np.linspace(1, 3, 16), 1),
    }.items(),
    ids=lambda change: change[0],
)
def test_wrong_scales_are_still_told(change):
    name, wrong = change
    values = FLOATS
    if name == "changed places":
        values = FLOATS * np.linspace(1, 3, 16, dtype=np.float32)[:, None, None, None]
    right = scales(values, by_channel=True)
    stated = np.roll(right, 5) if name == "changed places" else wrong(right)
    model = quantized(values, stated)
    tensors = reference()
    if name == "changed places":
        shape = values.shape
        tensors = [
            WeightTensor("w", shape, "float32", "kernel", "Conv", lambda: values)
        ]
    found = audit_quantization(model, tensors)
    assert "QNT701" in {finding.code for finding in found.findings}
