"""What each kind is held to, and what a suite may change."""

from pathlib import Path
from typing import get_args

import pytest

from harness.core.results import CHECK_NAMES
from harness.core.specs import Kind, VariantSpec
from harness.gate import asked_checks, default_gate, limits_for, tolerances_for


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_limits_on_decisions_and_weights(kind):
    limits = default_gate(kind)
    assert 0.9 < limits.min_top1_agreement < 1
    assert 0 < limits.max_accuracy_drop < limits.max_recall_drop < 0.1
    assert limits.min_weight_sqnr_db >= 20


def test_only_quantized_models_have_no_numeric_tolerance():
    for kind in get_args(Kind):
        close = "outputs_close" in asked_checks(default_gate(kind))
        assert close == (kind != "quantized")


def test_a_second_original_is_held_like_a_converted_one():
    assert default_gate("original") == default_gate("converted")


def test_the_suite_overrides_what_it_names():
    spec = VariantSpec("q", "quantized", Path("/m"), gate={"atol": 0.1, "alpha": 0.05})
    limits, defaults = limits_for(spec), default_gate("quantized")
    assert (limits.atol, limits.alpha) == (0.1, 0.05)
    assert limits.min_top1_agreement == defaults.min_top1_agreement
    assert asked_checks(limits) == {*CHECK_NAMES} - {"runs_alike", "task_metrics"}


def test_a_limit_of_zero_is_a_limit():
    spec = VariantSpec("q", "quantized", Path("/m"), gate={"atol": 0.0})
    assert "outputs_close" in asked_checks(limits_for(spec))


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("float32", "float32"), (1e-4, 1e-3)),
        (("float32", "float16"), (0.0025, 1e-3)),
        (("bfloat16", "float32"), (0.02, 0.01)),
        (("float16", "bfloat16"), (0.02, 0.01)),
    ],
)
def test_answers_in_fewer_bits_are_held_to_their_rounding(dtypes, expected):
    spec = VariantSpec("onnx", "converted", Path("m.onnx"))
    assert tolerances_for(spec, "y", {}, dtypes) == expected
    declared = VariantSpec("onnx", "converted", Path("m.onnx"), gate={"atol": 1e-6})
    assert tolerances_for(declared, "y", {}, dtypes)[0] == 1e-6
    quantized = VariantSpec("int8", "quantized", Path("m.onnx"))
    assert tolerances_for(quantized, "y", {}, dtypes) == (0.0, 0.0)
