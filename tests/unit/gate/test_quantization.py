"""Scales and codes of a quantized model before the gate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.results import QuantizationAudit, QuantizationFinding
from harness.gate import default_gate, judge

AUDIT = QuantizationAudit(
    n_activations=9, n_weights=8, n_compared=5, n_ranged=9, n_samples=64
)


def found(code, severity, tensor="relu", cause="quant.observer"):
    return QuantizationFinding(code, severity, cause, tensor, None, f"{code} is seen.")


def answered(make, *findings, **facts):
    audit = replace(AUDIT, findings=findings, **facts)
    result = make.result(kind="quantized", weight_audit=audit)
    return judge(result, default_gate("quantized"), [])


def asked(make, *findings, **facts):
    checks = answered(make, *findings, **facts).checks
    return next(check for check in checks if check.name == "quantization")


def test_a_sound_model_passes_and_says_what_was_looked_at(make):
    check = asked(make)
    assert (check.status, check.observed, check.limit) == ("passed", 0.0, 0.0)
    assert check.message == (
        "8 quantized weights and 9 activations fit (5 held against the float model's"
        " and 9 against what 64 samples show)"
    )


def test_errors_fail_each_a_part_to_be_waived(make):
    errors = [found("QNT201", "error"), found("QNT301", "error", "b", "quant.bias")]
    judged = answered(make, *errors, found("QNT802", "warning"))
    assert judged.verdict == "failed"
    check = next(check for check in judged.checks if check.name == "quantization")
    assert (check.status, check.observed) == ("failed", 2.0)
    assert check.parts == ("QNT201@relu", "QNT301@b")
    assert check.message == (
        "QNT201 quant.observer at 'relu': QNT201 is seen. 1 more finding: QNT301"
        " quant.bias"
    )


@pytest.mark.parametrize("code", ["QNT703", "QNT704", "QNT801", "QNT802"])
def test_a_range_that_fits_badly_is_undecided(make, code):
    check = asked(make, found(code, "warning"), found("QNT504", "warning"))
    assert (check.status, check.parts) == ("undecided", (f"{code}@relu",))


def test_choices_of_a_quantizer_are_told_and_pass(make):
    check = asked(make, found("QNT504", "warning"), found("QNT104", "info"))
    assert check.status == "passed"
    assert check.message.endswith("; 2 notes")


def test_that_no_data_were_looked_at_is_told(make):
    why = "graphs of this form are not read yet"
    check = asked(make, n_ranged=0, n_compared=0, n_samples=0, unranged=why)
    assert check.message == (
        "8 quantized weights and 9 activations fit; activations were not held against"
        f" data: {why}"
    )


def test_models_that_are_not_quantized_are_not_asked(make):
    judged = judge(make.result(), default_gate("converted"), [])
    assert "quantization" not in {check.name for check in judged.checks}
    assert "quantization" not in judged.skipped_checks


def test_why_there_is_no_audit_is_told(make):
    why = {"quantization": "it holds no quantized values"}
    result = make.result(kind="quantized", skipped_checks=why)
    judged = judge(result, default_gate("quantized"), [])
    assert judged.skipped_checks["quantization"] == "it holds no quantized values"
