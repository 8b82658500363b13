"""Drift across frameworks: graphs of other forms are looked into as translations."""

from __future__ import annotations

import pytest
from digits_drift import DIGITS, diagnosed

MODELS = DIGITS / "models"


@pytest.mark.parametrize("reference", ["digits.onnx", "digits.tflite"])
@pytest.mark.parametrize(
    ("slip", "cause", "node"),
    [
        ("symmetric", "padding.same_split", "second"),
        ("epsilon", "norm.epsilon", "norm"),
        ("flatten", "layout.permutation", "probabilities"),
    ],
)
def test_a_slip_of_a_port_is_named_and_proven(
    framework_models, reference, slip, cause, node
):
    report = diagnosed(MODELS / reference, framework_models / f"port-{slip}.tflite")
    first = report.findings[0]
    assert first.cause == cause
    assert f"/{node}_" in first.where.candidate_node
    assert first.proof.error_removed > 0.99
    assert "on its translation to ONNX" in first.proof.edit
    assert len(report.findings) == 1


def test_a_saved_model_is_looked_into(framework_models):
    path = framework_models / "port-symmetric-saved"
    report = diagnosed(MODELS / "digits.tflite", path)
    assert [finding.cause for finding in report.findings] == ["padding.same_split"]
    assert "second" in report.findings[0].where.candidate_node
    assert "conv2" in report.findings[0].where.reference_node


def test_a_right_port_is_clean(framework_models):
    report = diagnosed(MODELS / "digits.onnx", framework_models / "port-none.tflite")
    assert not report.drifts
    assert report.findings == ()


def test_a_graph_that_is_not_translated_is_said(framework_models, monkeypatch):
    monkeypatch.setattr("harness.graphs.translate.lite.MAPS", {})
    monkeypatch.setattr("harness.graphs.translate.lite._OPERATORS", {})
    path = framework_models / "port-epsilon.tflite"
    report = diagnosed(MODELS / "digits.onnx", path)
    assert report.drifts
    assert any("is not translated to ONNX" in notice for notice in report.notices)
