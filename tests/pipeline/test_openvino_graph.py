"""Drift of OpenVINO models: their graphs are looked into as translations."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import pytest
from digits_drift import DIGITS, diagnosed

from harness.pipeline.drift import DiagnoseOptions, diagnose_pair
from harness.pipeline.evaluation import planned_checks
from harness.suite import load_suite

MODELS = DIGITS / "models"


@pytest.mark.parametrize("reference", ["digits.onnx", "digits.tflite"])
@pytest.mark.parametrize(
    ("slip", "cause", "node", "op_type"),
    [
        ("symmetric", "padding.same_split", "conv2", "Conv"),
        ("epsilon", "norm.epsilon", "bn1", "Mul"),
        ("flatten", "layout.permutation", "probabilities", "MatMul"),
    ],
)
def test_a_slip_of_a_port_is_named_and_proven(
    openvino_models, reference, slip, cause, node, op_type
):
    report = diagnosed(MODELS / reference, openvino_models / f"port-{slip}.xml")
    first = report.findings[0]
    assert first.cause == cause
    assert f"/{node}_" in first.where.reference_node
    assert first.where.op_type == op_type
    assert first.proof.error_removed > 0.99
    assert "on its translation to ONNX" in first.proof.edit
    assert len(report.findings) == 1


@pytest.mark.parametrize("name", ["port-none", "digits", "digits-tf"])
def test_a_right_conversion_is_clean(openvino_models, name):
    report = diagnosed(MODELS / "digits.onnx", openvino_models / f"{name}.xml")
    assert not report.drifts
    assert report.findings == ()
    assert report.notices == ()


@pytest.mark.parametrize("name", ["digits-half", "digits-int8"])
@pytest.mark.parametrize("reference", ["digits.onnx", "digits.keras"])
def test_rounding_is_no_fault(openvino_models, reference, name):
    report = diagnosed(MODELS / reference, openvino_models / f"{name}.xml")
    assert report.drifts
    assert report.findings == ()
    assert report.notices == ()


@pytest.fixture
def slipped(openvino_models, tmp_path):
    """A model with one attribute of its XML changed, and the samples for it."""

    def slip(name, old, new):
        text = (openvino_models / f"{name}.xml").read_text()
        changed = re.sub(old, new, text, count=1)
        assert changed != text
        path = tmp_path / f"{name}.xml"
        path.write_text(changed)
        shutil.copy(openvino_models / f"{name}.bin", tmp_path)
        return openvino_models / f"{name}.xml", path, openvino_models / f"{name}.npz"

    return slip


def test_a_slip_among_codes_is_named_and_proven(slipped):
    _, candidate, _ = slipped(
        "digits-int8",
        'pads_begin="0, 0" pads_end="1, 1"',
        'pads_begin="1, 1" pads_end="0, 0"',
    )
    report = diagnosed(MODELS / "digits-int8-static.onnx", candidate)
    (finding,) = report.findings
    assert finding.cause == "padding.same_split"
    assert "conv2" in finding.where.reference_node
    assert finding.proof.error_removed > 0.9


@pytest.mark.parametrize(
    ("name", "old", "new", "cause", "op_type"),
    [
        ("encoder", r'eps="[^"]+"', 'eps="0.02"', "norm.epsilon", "LayerNormalization"),
        (
            "signal",
            r'epsilon="[^"]+"',
            'epsilon="0.1"',
            "norm.epsilon",
            "InstanceNormalization",
        ),
        (
            "signal",
            r'coordinate_transformation_mode="\w+"',
            'coordinate_transformation_mode="asymmetric"',
            "resize.coordinates",
            "Resize",
        ),
        (
            "image",
            'pads_begin="1, 1" pads_end="1, 1"',
            'pads_begin="0, 0" pads_end="2, 2"',
            "padding.same_split",
            "Conv",
        ),
    ],
)
def test_a_slip_in_a_network_of_pytorch_is_named_and_proven(
    slipped, name, old, new, cause, op_type
):
    reference, candidate, data = slipped(name, old, new)
    report = diagnose_pair(reference, candidate, data, DiagnoseOptions(n_samples=6))[0]
    assert [finding.cause for finding in report.findings] == [cause]
    (finding,) = report.findings
    assert finding.where.op_type == op_type
    assert finding.proof.error_removed > 0.99


@pytest.mark.parametrize("name", ["encoder", "recurrent", "signal", "image"])
def test_a_model_beside_itself_in_16_bits_of_weights_is_silent(
    openvino_models, tmp_path, name
):
    import openvino

    path = openvino_models / f"{name}.xml"
    half = tmp_path / "half.xml"
    openvino.save_model(openvino.Core().read_model(path), half)
    data = openvino_models / f"{name}.npz"
    report = diagnose_pair(path, half, data, DiagnoseOptions(n_samples=6))[0]
    assert report.findings == ()
    assert report.notices == ()


def test_a_graph_that_is_not_translated_is_said(openvino_models, monkeypatch):
    monkeypatch.setattr("harness.graphs.translate.openvino_ir._OPERATORS", {})
    report = diagnosed(MODELS / "digits.onnx", openvino_models / "port-epsilon.xml")
    assert report.drifts
    assert any("is not translated to ONNX" in notice for notice in report.notices)


def test_the_gate_asks_for_semantics_of_a_converted_model(openvino_models):
    suite = load_suite(DIGITS / "quality.toml")
    candidate = replace(suite.candidates[0], path=openvino_models / "digits.xml")
    assert "operator_semantics" in planned_checks(suite, candidate)
