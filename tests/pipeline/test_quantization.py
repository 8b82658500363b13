"""Quantized candidates in a run: ranges on golden data, and faults that are planted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from harness.core.specs import RunOptions
from harness.pipeline import evaluate
from harness.pipeline.evaluation import planned_checks
from harness.suite import load_suite

GOLDEN = Path(__file__).parents[2] / "golden" / "digits"
INT8 = "digits-int8-static.onnx"
SUITE = """
[suite]
name = "digits-int8"
task = "classification"
reference = "onnx"

[golden]
data = "data"
classes = "classes.txt"

[golden.preprocess]
scale = 0.0625

[[variant]]
name = "onnx"
kind = "original"
path = "digits.onnx"
"""
RELU = "digits_1/conv1_1/Relu:0"
KERNEL = "digits_1/conv2_1/convolution/ReadVariableOp:0"
BIAS = "digits_1/conv1_1/Squeeze:0_quantized"
# Variant -> initializer -> what is made of it.
EDITS = {
    "range-wide": {f"{RELU}_scale": lambda scale: scale * 8},
    "range-narrow": {f"{RELU}_scale": lambda scale: scale / 8},
    "no-observer": {f"{RELU}_scale": np.ones_like, f"{RELU}_zero_point": np.zeros_like},
    "weight-scale": {f"{KERNEL}_scale": lambda scale: scale * 8},
    "bias-scale": {f"{BIAS}_scale": lambda scale: scale / 8},
}
ANSWERS = {
    "healthy": ("passed", ""),
    "range-wide": ("undecided", "QNT802"),
    "range-narrow": ("failed", "QNT801"),
    "no-observer": ("failed", "QNT201"),
    "weight-scale": ("failed", "QNT301"),
    "bias-scale": ("failed", "QNT301"),
}


def _edited(changes, path):
    model = onnx.load(GOLDEN / "models" / INT8)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, change in changes.items():
        values = numpy_helper.to_array(tensors[name])
        changed = np.asarray(change(values), values.dtype)
        tensors[name].CopyFrom(numpy_helper.from_array(changed, name))
    onnx.save(model, path)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantized")
    shutil.copytree(GOLDEN / "data", folder / "data")
    shutil.copy(GOLDEN / "classes.txt", folder)
    shutil.copy(GOLDEN / "models" / "digits.onnx", folder)
    shutil.copy(GOLDEN / "models" / INT8, folder / "healthy.onnx")
    for name, changes in EDITS.items():
        _edited(changes, folder / f"{name}.onnx")
    text = SUITE
    for name in ANSWERS:
        text += f'[[variant]]\nname = "{name}"\nkind = "quantized"\n'
        text += f'path = "{name}.onnx"\n'
    text += '[[variant]]\nname = "brighter"\nkind = "quantized"\n'
    text += 'path = "healthy.onnx"\n[variant.preprocess]\nscale = 0.25\n'
    (folder / "quality.toml").write_text(text)
    return load_suite(folder)


@pytest.fixture(scope="module")
def report(suite):
    return evaluate(suite, RunOptions(isolation="none", diagnose=False))


def check_of(report, name):
    checks = report.variant(name).checks
    return next(check for check in checks if check.name == "quantization")


@pytest.mark.parametrize("name", ANSWERS)
def test_planted_faults_are_named(report, name):
    status, code = ANSWERS[name]
    check = check_of(report, name)
    assert check.status == status, check.message
    assert check.message.startswith(code)


def test_ranges_are_those_of_the_first_samples(report):
    audit = report.variant("healthy").weight_audit
    assert (audit.n_ranged, audit.n_samples) == (audit.n_activations, 64)
    assert all(found.share_clipped < 1e-3 for found in audit.ranges)
    relu = next(found for found in audit.ranges if RELU in found.tensor)
    assert relu.seen_min == 0 == relu.low
    assert relu.seen_max == pytest.approx(relu.high, rel=0.05)
    assert relu.share_unused < 0.05
    wide = report.variant("range-wide").weight_audit
    relu = next(found for found in wide.ranges if RELU in found.tensor)
    assert relu.share_unused == pytest.approx(1 - 1 / 8, abs=0.01)
    narrow = report.variant("range-narrow").weight_audit
    relu = next(found for found in narrow.ranges if RELU in found.tensor)
    assert relu.share_clipped > 0.1


def test_inputs_prepared_otherwise_are_other_numbers(report):
    audit = report.variant("brighter").weight_audit
    assert (audit.n_ranged, audit.n_samples) == (0, 0)
    assert check_of(report, "brighter").message.endswith(
        "not held against data: its inputs are prepared otherwise than those of onnx"
    )


def test_quantized_variants_alone_are_asked(suite):
    assert "quantization" in planned_checks(suite, suite.variant("healthy"))
    assert "quantization" not in planned_checks(suite, suite.variant("onnx"))
