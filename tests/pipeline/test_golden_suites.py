"""The embedded suites on a core install: the release passes, each mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness.core.codec import to_json

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def digits(core_install):
    return harness.evaluate(GOLDEN / "digits")


@pytest.fixture(scope="module")
def regressed(core_install):
    return harness.evaluate(GOLDEN / "digits-regressed")


def failed_checks(variant) -> dict[str, str]:
    """Check name -> message of those that failed."""
    return {c.name: c.message for c in variant.checks if c.status == "failed"}


def causes(report, variant: str) -> list[str]:
    return [f.cause for f in report.findings if f.variant == variant]


def failed_classes(variant) -> list[str]:
    return [c.class_name for c in variant.labels.per_class if c.verdict == "fail"]


class TestDigits:
    def test_the_release_passes(self, digits):
        assert digits.verdict == "passed"
        ran = [v for v in digits.candidates if v.status == "ran"]
        assert len(ran) == 5
        assert {v.verdict for v in ran} == {"passed"}

    def test_the_original_is_replayed(self, digits):
        assert digits.reference.name == "keras"
        assert digits.reference.status == "replayed"

    @pytest.mark.parametrize(
        ("name", "extra"),
        [
            ("savedmodel", "[tensorflow]"),
            ("frozen", "[tensorflow]"),
            ("tflite", "[litert]"),
            ("tflite-int8", "[litert]"),
        ],
    )
    def test_what_cannot_run_is_listed_with_the_extra_to_install(
        self, digits, name, extra
    ):
        variant = digits.variant(name)
        assert variant.status == "skipped"
        assert variant.verdict is None
        assert f"pip install 'model-quality-harness{extra}'" in variant.reason

    def test_two_runs_say_the_same(self, digits):
        def stable(report):
            record = to_json(report)
            record.pop("provenance")
            for variant in record["variants"]:
                variant.pop("seconds_per_sample")
            return record

        assert stable(harness.evaluate(GOLDEN / "digits")) == stable(digits)

    @pytest.mark.usefixtures("core_install")
    def test_missing_runtimes_can_be_made_to_fail(self, small):
        result = small.invoke("run", GOLDEN / "digits", "--missing", "fail")
        assert result.exit_code == 3

    def test_the_gate_is_no_stricter_than_it_says(self, digits):
        assert digits.findings == () or all(
            finding.severity == "info" for finding in digits.findings
        )


class TestRegressed:
    @pytest.mark.usefixtures("core_install")
    def test_the_command_exits_1(self, small, tmp_path):
        result = small.invoke(
            "run", GOLDEN / "digits-regressed", "--json", tmp_path / "r.json"
        )
        assert result.exit_code == 1
        assert harness.read_report(tmp_path / "r.json").verdict == "failed"

    def test_every_planted_mistake_fails_and_the_healthy_pass(self, regressed):
        assert {v.name: v.verdict for v in regressed.candidates} == {
            "onnx": "passed",
            "torch": "passed",
            "torch-symmetric-padding": "failed",
            "torch-flatten-order": "failed",
            "torch-bn-epsilon": "failed",
            "bias-lowered": "failed",
            "labels-swapped": "failed",
            "weights-3bit": "failed",
        }

    def test_the_healthy_have_no_cause_of_drift(self, regressed):
        for name in ("onnx", "torch"):
            assert causes(regressed, name) == []

    def test_padding_is_found_at_its_node_and_proven(self, regressed):
        name = "torch-symmetric-padding"
        assert "operator_semantics" in failed_checks(regressed.variant(name))
        finding = next(f for f in regressed.findings if f.variant == name)
        assert finding.cause == "padding.same_split"
        assert finding.code == "PAD001"
        assert finding.where.candidate_node == "conv2"
        assert finding.where.op_type == "Conv"
        assert finding.proof.error_after < 1e-5
        assert finding.proof.error_removed > 0.999

    def test_the_profile_says_where_the_padding_error_starts(self, regressed):
        profile = regressed.variant("torch-symmetric-padding").profile
        guilty = [step for step in profile.steps if step.guilty]
        assert guilty[0].candidate_node == "conv2"
        assert regressed.variant("torch").profile is None

    def test_flatten_order_is_a_permutation(self, regressed):
        name = "torch-flatten-order"
        assert "top1_agreement" in failed_checks(regressed.variant(name))
        assert "layout.permutation" in causes(regressed, name)

    def test_epsilon_is_caught_although_no_decision_moves(self, regressed):
        variant = regressed.variant("torch-bn-epsilon")
        assert variant.labels.accuracy == variant.labels.accuracy_reference
        assert variant.labels.n_flipped == 0
        failed = failed_checks(variant)
        assert "outputs_close" in failed
        assert not {"accuracy", "top1_agreement", "per_class_recall"} & set(failed)
        assert causes(regressed, "torch-bn-epsilon") == ["norm.epsilon"]

    def test_a_lowered_bias_is_caught_by_the_recall_of_its_class(self, regressed):
        variant = regressed.variant("bias-lowered")
        assert failed_classes(variant) == ["8"]
        assert "8" in failed_checks(variant)["per_class_recall"]

    def test_swapped_labels_are_caught_by_both_classes(self, regressed):
        variant = regressed.variant("labels-swapped")
        assert failed_classes(variant) == ["3", "5"]
        assert "outputs.order" in causes(regressed, "labels-swapped")
        confusion = variant.labels.confusion
        assert confusion.candidate[3][5] == confusion.reference[3][3]
        assert confusion.candidate[5][3] == confusion.reference[5][5]

    def test_coarse_weights_are_caught_by_their_drift(self, regressed):
        variant = regressed.variant("weights-3bit")
        message = failed_checks(variant)["weight_drift"]
        assert "dB" in message
        worst = variant.weight_drift.drift[0]
        assert worst.sqnr_db < 20

    def test_no_candidate_is_blamed_for_the_padding_of_another(self, regressed):
        blamed = {f.variant for f in regressed.findings if "padding" in f.cause}
        assert blamed == {"torch-symmetric-padding"}
