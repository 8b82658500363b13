"""Each check passes, fails or stays undecided for its own reason, and says so."""

from dataclasses import replace

import pytest

from harness.core.results import (
    MatrixCell,
    Proof,
    RunMatrix,
    TensorDrift,
    WeightFault,
)
from harness.core.specs import GateSpec
from harness.gate import default_gate, judge

FLOAT, INT8 = default_gate("converted"), default_gate("quantized")


def ask(name, result, limits=FLOAT, findings=()):
    judged = judge(result, limits, findings)
    (check,) = [check for check in judged.checks if check.name == name]
    return check


def test_new_nan_fails_and_names_output_and_sample(make):
    outputs = (
        make.output(),
        make.output(name="z", n_nonfinite=7, n_nonfinite_new=5, first_nonfinite=3),
    )
    check = ask("finite_outputs", make.result(outputs=outputs))
    assert (check.status, check.observed, check.limit) == ("failed", 5.0, 0.0)
    assert check.message == (
        "output 'z' has 5 elements NaN or infinite where the reference is finite, "
        "first at sample 3"
    )


def test_nan_that_the_reference_has_too_is_no_fault(make):
    result = make.result(outputs=(make.output(n_nonfinite=7),))
    assert ask("finite_outputs", result).status == "passed"


def test_close_outputs_pass_with_their_error(make):
    check = ask("outputs_close", make.result())
    assert (check.status, check.observed, check.limit) == ("passed", 0.0, 0.0)
    assert check.message == (
        "largest error 4.2e-07 at sample 12 of 'probabilities', within "
        "1.0e-04 + 1.0e-03 |reference|"
    )


def test_equal_outputs_pass_in_few_words(make):
    result = make.result(outputs=(make.output(max_abs_error=0.0, worst=()),))
    message = ask("outputs_close", result).message
    assert message == "every element equals the reference's"


def test_far_outputs_fail_with_the_tolerance_that_would_do(make):
    worst = replace(make.output().worst[0], max_abs_error=7.1e-3, sample=40)
    far = make.output(
        name="y",
        n_mismatched=412,
        max_abs_error=7.1e-3,
        required_atol=6.9e-3,
        worst=(worst,),
        rtol=0.0,
    )
    check = ask("outputs_close", make.result(outputs=(make.output(), far)))
    assert check.status == "failed"
    assert check.observed == pytest.approx(412 / 3600)
    assert check.message == (
        "412 of 3,600 elements of 'y' (11.4 %) break 1.0e-04. Largest error 7.1e-03 "
        "at sample 40; atol 6.9e-03 would hold it"
    )


def test_an_allowed_share_may_break_the_rule(make):
    result = make.result(outputs=(make.output(n_mismatched=36),))
    limits = replace(FLOAT, max_mismatched=0.02)
    check = ask("outputs_close", result, limits)
    assert check.status == "passed"
    assert check.message.endswith("but for 1.0 % of 'probabilities'")
    limits = replace(FLOAT, max_mismatched=0.005)
    check = ask("outputs_close", result, limits)
    assert check.status == "failed"
    assert "(0.5 % may)" in check.message


def test_one_sided_infinities_need_no_tolerance(make):
    result = make.result(outputs=(make.output(n_mismatched=2),))
    message = ask("outputs_close", result).message
    assert "All of them are finite on one side only" in message


def test_text_outputs_are_counted(make):
    text = make.output(
        n_mismatched=2,
        n_elements=10,
        max_abs_error=None,
        required_atol=None,
        worst=(),
        unscored={"max_abs_error": "text is compared for equality only"},
    )
    check = ask("outputs_close", make.result(outputs=(text,)))
    assert check.status == "failed"
    assert check.message.startswith("2 of 10 elements")
    assert check.message.endswith("text is compared for equality only")


@pytest.mark.parametrize(
    ("moved", "limits", "status"),
    [
        (0, FLOAT, "passed"),
        (1, FLOAT, "undecided"),
        (2, FLOAT, "undecided"),
        (3, FLOAT, "failed"),
        (7, INT8, "passed"),
        (8, INT8, "undecided"),
        (14, INT8, "undecided"),
        (15, INT8, "failed"),
        (323, INT8, "failed"),
    ],
)
def test_agreement_fails_when_chance_cannot_explain_it(make, moved, limits, status):
    result = make.result(labels=make.labels(moved=moved))
    check = ask("top1_agreement", result, limits)
    assert check.status == status
    assert check.observed == pytest.approx(1 - moved / 360)
    assert f"({moved} moved)" in check.message
    assert ("more data decides" in check.message) == (status == "undecided")


def test_agreement_of_one_allows_no_move(make):
    result = make.result(labels=make.labels(moved=1))
    limits = replace(FLOAT, min_top1_agreement=1.0)
    assert ask("top1_agreement", result, limits).status == "failed"


@pytest.mark.parametrize(
    ("lost", "won", "status"),
    [
        (0, 0, "passed"),
        (3, 5, "passed"),
        (3, 2, "undecided"),
        (6, 0, "undecided"),
        (7, 0, "failed"),
        (40, 10, "failed"),
        (50, 50, "passed"),
    ],
)
def test_accuracy_falls_when_the_lost_outweigh_the_won(make, lost, won, status):
    check = ask("accuracy", make.result(labels=make.labels(lost, won)))
    assert check.status == status
    assert check.observed == pytest.approx((lost - won) / 360)
    assert f"{lost} lost and {won} won of 360 samples" in check.message


def test_accuracy_message(make):
    check = ask("accuracy", make.result(labels=make.labels(40, 10)))
    assert check.message == (
        "accuracy 96.0 % -> 87.7 % (-8.3 points): 40 lost and 10 won of 360 samples; "
        "it may fall by 0.1 points"
    )


def classes(make, *lost, n=36, won=0):
    return [make.one_class(str(i), n, bad, won) for i, bad in enumerate(lost)]


def recall(make, per_class, limits=FLOAT):
    labels = make.labels(per_class=per_class)
    return ask("per_class_recall", make.result(labels=labels), limits)


def test_recall_kept(make):
    check = recall(make, classes(make, 0, 0, 0))
    assert (check.status, check.observed) == ("passed", 0.0)
    assert check.message == "no class of 3 loses recall"


def test_a_small_loss_within_the_limit_passes_and_is_told(make):
    check = recall(make, classes(make, 0, 3, n=1000))
    assert check.status == "passed"
    assert check.message == "worst of 2 classes: 1 (3 of 1,000 lost), -0.3 points"


def test_a_loss_that_chance_explains_is_undecided(make):
    check = recall(make, classes(make, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0))
    assert check.status == "undecided"
    assert check.observed == pytest.approx(2 / 36)
    assert check.message == (
        "1 (2 of 36 lost); fewer than 7 of 36 cannot be told from chance in 10 classes"
    )


def test_too_few_samples_can_show_nothing(make):
    check = recall(make, classes(make, 3, 0, n=4))
    assert check.message == (
        "0 (3 of 4 lost); no loss among 4 samples can be told from chance in 2 classes"
    )


def test_lost_classes_are_named_worst_first(make):
    check = recall(make, classes(make, 12, 36, 0, 20, 15, 0))
    assert check.status == "failed"
    assert check.observed == 1.0
    assert check.message == (
        "4 of 6 classes lose more than 1.0 points of recall: 1 (36 of 36 lost), "
        "3 (20 of 36 lost), 4 (15 of 36 lost) and 1 more"
    )


def test_wins_are_told_beside_losses(make):
    per_class = [make.one_class("seven", 100, 40, 5)]
    message = recall(make, per_class).message
    assert message.startswith("1 of 1 classes loses more")
    assert "seven (40 of 100 lost, 5 won)" in message


def test_a_class_without_samples_is_undecided(make):
    check = recall(make, [make.one_class("a", 40), make.one_class("b", 0)])
    assert check.status == "undecided"
    assert check.message == "no golden samples of 1 class: b"


def test_weights_that_lost_their_digits_fail(make):
    drift = make.drift(conv=12.3, dense=70.0, bias=None, gamma=19.0)
    check = ask("weight_drift", make.result(weight_drift=drift), INT8)
    assert (check.status, check.observed, check.limit) == ("failed", 12.3, 20.0)
    assert check.message == (
        "2 of 4 matched tensors keep less than 20.0 dB of onnx's: conv (12.3 dB), "
        "gamma (19.0 dB)"
    )


def test_weights_that_kept_them_pass(make):
    drift = make.drift(conv=32.0, dense=70.0)
    check = ask("weight_drift", make.result(weight_drift=drift), INT8)
    assert (check.status, check.observed) == ("passed", 32.0)
    assert check.message == (
        "2 matched tensors: 2 changed beyond the rounding of their types and keep "
        "32.0 dB or more (conv has least)"
    )
    check = ask("weight_drift", make.result())
    assert (check.status, check.observed) == ("passed", None)
    assert check.message == "1 matched tensor: equal to those of onnx"


def test_rounding_to_a_stored_type_is_no_drift_however_few_decibels_it_leaves(make):
    drift = make.drift(verdict="rounding", w=36.0, v=70.0)
    check = ask("weight_drift", make.result(weight_drift=drift), FLOAT)
    assert (check.status, check.observed, check.limit) == ("passed", 70.0, 60.0)
    assert "within the rounding of their types, 36.0 dB or more" in check.message


def test_a_limit_that_the_suite_sets_itself_holds_for_rounding_too(make):
    result = make.result(weight_drift=make.drift(verdict="rounding", w=36.0))
    declared = {"min_weight_sqnr_db": 40.0}
    limits = replace(INT8, **declared)
    judged = judge(result, limits, [], declared=declared)
    check = next(c for c in judged.checks if c.name == "weight_drift")
    assert (check.status, check.observed, check.limit) == ("failed", 36.0, 40.0)


@pytest.mark.parametrize(
    "cause",
    [
        *("norm.epsilon", "rnn.gate_order", "layout.permutation", "quant.scale"),
        *("weights.transposed", "weights.bias_missing", "weights.missing"),
        *("weights.swapped", "weights.nonfinite"),
    ],
)
def test_a_slip_with_a_name_fails_although_no_tensor_shows_it(make, cause):
    fault = WeightFault(cause, ("w",), f"w: {cause} it is.")
    result = make.result(weight_drift=make.drift(faults=[fault], w=None))
    check = ask("weight_drift", result, INT8)
    assert (check.status, check.observed) == ("failed", None)
    assert check.message == f"{cause}: w: {cause} it is"


@pytest.mark.parametrize(
    "cause", ["weights.changed", "weights.other_epoch", "weights.stale"]
)
def test_what_training_and_calibration_move_is_judged_by_how_far(make, cause):
    fault = WeightFault(cause, ("w",), "w has moved.")
    for sqnr, status in ((30.0, "passed"), (10.0, "failed")):
        drift = make.drift(faults=[fault], w=sqnr)
        check = ask("weight_drift", make.result(weight_drift=drift), INT8)
        assert check.status == status
    assert check.message.endswith("w (10.0 dB)") is (cause == "weights.changed")
    assert (cause in check.message) is (cause != "weights.changed")


def test_many_slips_are_counted_and_what_they_explain_is_not_told_twice(make):
    faults = [
        WeightFault("quant.scale", ("w",), "index 3 of axis 0 is 8 times as large"),
        WeightFault("norm.epsilon", ("v",), "epsilon 1e-05"),
    ]
    drift = make.drift(faults=faults, w=5.0, u=7.0)
    check = ask("weight_drift", make.result(weight_drift=drift), INT8)
    assert check.message == (
        "quant.scale: index 3 of axis 0 is 8 times as large. 1 more slip: norm.epsilon."
        " 1 of 2 matched tensors keeps less than 20.0 dB of onnx's: u (7.0 dB)"
    )


def test_an_order_that_every_layer_goes_along_with_is_no_drift(make):
    drift = make.drift(w=1.0)
    moved = replace(drift.drift[0], cause="layout.permutation")
    result = make.result(weight_drift=replace(drift, drift=(moved,)))
    check = ask("weight_drift", result)
    assert (check.status, check.observed) == ("passed", None)
    assert check.message.endswith("equal to those of onnx but for their order")
    fault = WeightFault("layout.permutation", ("w",), "rows 3 and 5 swapped")
    wrong = make.result(weight_drift=replace(drift, drift=(moved,), faults=(fault,)))
    assert ask("weight_drift", wrong).message == (
        "layout.permutation: rows 3 and 5 swapped"
    )


def test_all_of_a_tensor_may_be_error(make):
    drift = make.drift()
    lost = TensorDrift("b", "b", "name", 1, 1, None, None, 4, verdict="drifted")
    check = ask("weight_drift", make.result(weight_drift=replace(drift, drift=(lost,))))
    assert (check.status, check.observed) == ("failed", None)
    assert check.message.endswith("b (all of it is error)")


def test_tensors_without_a_match_are_told_and_do_not_fail(make):
    drift = replace(make.drift(w=None), unmatched_candidate=("head", "tail"))
    check = ask("weight_drift", make.result(weight_drift=drift))
    assert check.status == "passed"
    assert check.message.endswith("without a match are 2 here")


def test_a_proven_cause_fails_and_is_told(make):
    proof = Proof("pads = [0, 0, 1, 1]", 0.99, 4e-7, 0.9999997, 64)
    finding = make.finding(
        candidate_semantics="pads (1,1,1,1)",
        reference_semantics="(0,0,1,1)",
        proof=proof,
    )
    check = ask("operator_semantics", make.result(), findings=[finding])
    assert (check.status, check.observed) == ("failed", 1.0)
    assert check.message == (
        "PAD001 padding.same_split at Conv 'conv1': pads (1,1,1,1); the reference has "
        "(0,0,1,1). Tried on 64 samples: pads = [0, 0, 1, 1]; this removes >99.9 % of "
        "the error"
    )


def test_an_unproven_cause_is_told_by_its_explanation(make):
    findings = [make.finding(), make.finding(code="PAD002")]
    message = ask("operator_semantics", make.result(), findings=findings).message
    assert message.endswith("Conv 'conv1': pads differ. 1 more finding")


def test_notes_and_other_variants_do_not_fail(make):
    findings = [make.finding(severity="warning"), make.finding(variant="other")]
    check = ask("operator_semantics", make.result(), findings=findings)
    assert check.status == "passed"
    assert check.message.endswith("(1 note)")


def test_messages_fit_a_terminal(make):
    """Four lines of 80 columns, no newline, no trailing full stop to double."""
    result = make.result(
        labels=make.labels(40, 10),
        weight_drift=make.drift(w=3.0),
        outputs=(make.output(n_mismatched=400, required_atol=0.1),),
    )
    judged = judge(
        result,
        GateSpec(**{f: getattr(FLOAT, f) for f in FLOAT.__slots__}),
        [make.finding()],
    )
    assert len(judged.checks) == 7
    for check in judged.checks:
        assert len(check.message) <= 320
        assert "\n" not in check.message
        assert not check.message.endswith(".")


def matrix(*cells):
    first = MatrixCell("deployed", "", 0.0, 0.0)
    return RunMatrix("candidate", 64, (first, *cells))


def test_a_way_to_run_it_that_changes_answers_fails(make):
    table = matrix(
        MatrixCell("level", "disable", 0.5, 1e-5, 3, parts=True),
        MatrixCell("batch_size", "1", 1e-7, 1e-5),
    )
    check = ask("runs_alike", make.result(matrix=table))
    assert (check.status, check.observed, check.limit) == ("failed", 0.5, 1e-5)
    assert check.message == (
        "the same file answers otherwise at level disable: up to 0.5 on 64 samples"
    )


def test_ways_to_run_it_that_agree_pass_and_the_others_are_told(make):
    table = matrix(
        MatrixCell("threads", "2", 1e-7, 1e-5),
        MatrixCell("provider", "Other", None, 1e-5, reason="not available"),
    )
    check = ask("runs_alike", make.result(matrix=table))
    assert check.status == "passed"
    assert "1 other way to run it; 1 could not be run" in check.message


def test_where_no_other_way_works_it_is_not_asked(make):
    table = matrix(MatrixCell("provider", "Other", None, 1e-5, reason="no"))
    judged = judge(make.result(matrix=table), FLOAT, [])
    assert judged.skipped_checks["runs_alike"] == "no other way to run it works here"


def test_a_batch_dependence_is_no_operator_that_means_something_else(make):
    finding = make.finding(code="BAT001", cause="runtime.batch")
    check = ask("operator_semantics", make.result(), findings=[finding])
    assert check.status == "passed"


def test_equal_accuracy_hides_no_loser(make):
    """Twelve samples of one class went to another: accuracy stays, a class does not."""
    per_class = [make.one_class("seven", 100, 12), make.one_class("one", 100, 0, 12)]
    labels = make.labels(12, 12, n=200, per_class=per_class)
    judged = judge(make.result(labels=labels), default_gate("quantized"), ())
    found = {check.name: check for check in judged.checks}
    assert found["accuracy"].status == "passed"
    assert found["per_class_recall"].status == "failed"
    assert found["per_class_recall"].parts == ("seven",)


def test_few_samples_tell_what_would_decide(make):
    per_class = [make.one_class("seven", 20, 4), make.one_class("one", 20, 0, 4)]
    labels = make.labels(4, 4, n=40, per_class=per_class)
    judged = judge(make.result(labels=labels), default_gate("quantized"), ())
    found = {check.name: check for check in judged.checks}
    assert found["per_class_recall"].status == "undecided"
    assert "fewer than 7 of 20 cannot be told" in found["per_class_recall"].message
