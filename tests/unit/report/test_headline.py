import dataclasses

import pytest

from harness.report.states import headline, tally

NOT_RELEASABLE = (
    "Not releasable: 1 of 5 candidates failed; onnx, onnx-frozen and onnx-int8 are "
    "fit; 1 was not run."
)


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("passing", "passed", "Releasable: all 3 candidates passed."),
        (
            "failing",
            "failed",
            NOT_RELEASABLE,
        ),
        (
            "undecided",
            "undecided",
            "Undecided: the data cannot decide the only candidate.",
        ),
        ("no_labels", "failed", "Not releasable: the only candidate failed."),
        (
            "broken",
            "error",
            "Not judged in full: 1 of 2 candidates could not be run; 1 was not run.",
        ),
    ],
)
def test_one_sentence_carries_the_verdict_and_its_counts(make, name, state, said):
    found = headline(make(name))
    assert found.state == state
    assert str(found) == said


def test_a_suite_may_count_undecided_as_failed(make):
    strict = dataclasses.replace(make("undecided"), verdict="failed")
    assert headline(strict).state == "failed"
    assert headline(strict).lead == "Not releasable"


def test_candidates_that_were_not_run_are_no_success(make):
    report = make("failing")
    kept = [v for v in report.variants if v.name in {"keras", "tflite"}]
    left = dataclasses.replace(report, variants=tuple(kept), verdict="passed")
    assert str(headline(left)) == "Nothing judged: none of 1 candidate was run."


def test_what_passed_is_told_beside_what_could_not_be_run(make):
    report = make("failing")
    kept = tuple(v for v in report.variants if v.name != "onnx-pads")
    left = dataclasses.replace(report, variants=kept, verdict="passed")
    said = "Releasable: all 3 candidates that could be run passed; 1 was not run."
    assert str(headline(left)) == said


def test_the_tally_leaves_out_what_is_zero(make):
    assert tally(make("failing")).words() == "1 failed, 3 passed, 1 not run"
    assert tally(make("passing")).words() == "3 passed"
