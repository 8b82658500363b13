"""From checks to a candidate's verdict, and from candidates to the run's."""

from dataclasses import replace

import pytest

from harness.core.results import CHECK_NAMES, MatrixCell, QuantizationAudit, RunMatrix
from harness.core.specs import GateSpec
from harness.gate import asked_checks, default_gate, judge, overall

FLOAT = default_gate("converted")


def test_checks_come_in_their_fixed_order(make):
    alike = RunMatrix("int8", 64, (MatrixCell("deployed", "", 0.0, 0.0),) * 2)
    audit = QuantizationAudit(3, 2, 0, 0)
    judged = judge(make.result(matrix=alike, weight_audit=audit), FLOAT, [])
    without = {"baseline", "task_metrics", "per_slice"}
    asked = tuple(name for name in CHECK_NAMES if name not in without)
    assert tuple(check.name for check in judged.checks) == asked
    assert judged.skipped_checks == {}
    assert judged.verdict == "passed"


def test_what_has_no_limit_is_not_asked(make):
    judged = judge(make.result(), GateSpec(), [])
    assert [check.name for check in judged.checks] == [
        "finite_outputs",
        "operator_semantics",
    ]
    assert set(judged.skipped_checks.values()) == {"no limit set"}
    assert len(judged.skipped_checks) == 5
    always = {"finite_outputs", "per_slice", "baseline", "operator_semantics"}
    always |= {"quantization"}
    assert asked_checks(GateSpec()) == always


def test_what_cannot_be_asked_says_why(make):
    result = make.result(outputs=(), labels=None, weight_drift=None)
    judged = judge(result, FLOAT, [])
    assert judged.skipped_checks == {
        "finite_outputs": "no output was compared",
        "outputs_close": "no output was compared",
        "top1_agreement": "the task has no classes",
        "accuracy": "the task has no classes",
        "per_class_recall": "the task has no classes",
        "weight_drift": "there are no weights to hold against each other",
    }


def test_without_labels_only_agreement_is_asked(make):
    labels = replace(
        make.labels(),
        accuracy=None,
        accuracy_reference=None,
        n_regressed=None,
        n_improved=None,
        per_class=(),
    )
    judged = judge(make.result(labels=labels), FLOAT, [])
    reason = "the golden data has no labels"
    assert judged.skipped_checks == {"accuracy": reason, "per_class_recall": reason}


def test_no_matching_weights_is_no_pass(make):
    judged = judge(make.result(weight_drift=make.drift()), FLOAT, [])
    assert judged.skipped_checks == {
        "weight_drift": "no weight tensor matches one of onnx"
    }


def test_reasons_known_before_are_kept(make):
    result = make.result(skipped_checks={"operator_semantics": "not read yet"})
    judged = judge(result, FLOAT, [make.finding()])
    assert judged.skipped_checks == {"operator_semantics": "not read yet"}
    assert judged.verdict == "passed"


def test_a_limit_of_the_suite_that_cannot_be_judged_is_undecided(make):
    result = make.result(labels=None)
    judged = judge(result, FLOAT, [], declared={"max_recall_drop": 0.02})
    checks = {check.name: check for check in judged.checks}
    assert checks["per_class_recall"].status == "undecided"
    assert "sets its limit, but the task has no classes" in (
        checks["per_class_recall"].message
    )
    assert "accuracy" in judged.skipped_checks  # its limit is only the kind's default
    assert judged.verdict == "undecided"


def test_nothing_asked_is_no_pass(make):
    reasons = dict.fromkeys(CHECK_NAMES, "not today")
    assert judge(make.result(skipped_checks=reasons), FLOAT, []).verdict == "undecided"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("skipped", None), ("crashed", "error"), ("timeout", "error"), ("error", "error")],
)
def test_what_did_not_run_is_asked_nothing(make, status, verdict):
    judged = judge(make.result(status=status), FLOAT, [make.finding()])
    assert (judged.verdict, judged.checks) == (verdict, ())


def test_a_replayed_candidate_is_judged(make):
    assert judge(make.result(status="replayed"), FLOAT, []).verdict == "passed"


@pytest.mark.parametrize(
    ("moved", "findings", "verdict"),
    [(0, 0, "passed"), (1, 0, "undecided"), (1, 1, "failed"), (100, 0, "failed")],
)
def test_the_worst_check_is_the_verdict(make, moved, findings, verdict):
    result = make.result(labels=make.labels(moved=moved))
    assert judge(result, FLOAT, [make.finding()] * findings).verdict == verdict


def test_classes_are_filled(make):
    per_class = [
        make.one_class("a", 36, 12),
        make.one_class("b", 36, 1),
        make.one_class("c", 0),
    ]
    result = make.result(labels=make.labels(per_class=per_class))
    a, b, c = judge(result, FLOAT, []).labels.per_class
    assert (a.p_value, a.p_adjusted) == pytest.approx((2**-12, 2**-12))
    assert (a.verdict, b.verdict, c.verdict) == ("fail", "undecided", "undecided")
    assert (b.p_value, b.p_adjusted) == pytest.approx((0.5, 0.5))
    assert a.min_detectable_drop == pytest.approx(7 / 36)
    assert c.min_detectable_drop is None


@pytest.mark.parametrize(
    ("verdicts", "undecided", "expected"),
    [
        (["passed", None], "warn", "passed"),
        (["passed", "undecided"], "warn", "undecided"),
        (["passed", "undecided"], "fail", "failed"),
        (["passed", "error", "undecided"], "fail", "error"),
        (["error", "failed"], "warn", "failed"),
        ([None, None], "warn", "error"),
        ([], "warn", "error"),
    ],
)
def test_a_run_is_as_good_as_its_worst_candidate(make, verdicts, undecided, expected):
    variants = [replace(make.result(), verdict=verdict) for verdict in verdicts]
    assert overall(variants, undecided) == expected
