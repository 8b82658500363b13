from __future__ import annotations

from dataclasses import replace

import pytest

from harness.core.results import TaskComparison, TaskMetric
from harness.core.specs import GateSpec
from harness.gate import Accepted, judge


@pytest.fixture
def asked(make):
    """The baseline's check, of what was accepted and what is found now."""

    def asked(then, now, *, same_data=True, same_reference=True):
        accepted = Accepted(then, same_data, same_reference)
        judged = judge(now, GateSpec(), (), accepted=accepted)
        found = {check.name: check for check in judged.checks}
        return found.get("baseline"), judged

    return asked


@pytest.fixture
def labelled(make):
    def labelled(lost, won=0, n=200):
        per_class = (make.one_class("8", n, lost, won), make.one_class("9", n))
        labels = make.labels(lost, won, n=2 * n, per_class=per_class)
        return make.result(labels=replace(labels, accuracy=1 - (lost - won) / (2 * n)))

    return labelled


def test_without_a_baseline_it_is_not_even_mentioned(make):
    judged = judge(make.result(), GateSpec(), ())
    assert "baseline" not in {c.name for c in judged.checks} | {*judged.skipped_checks}


def test_the_same_numbers_pass(asked, labelled):
    check, _ = asked(labelled(3), labelled(3))
    assert (check.status, check.observed) == ("passed", 0.0)


def test_better_numbers_pass(asked, labelled):
    assert asked(labelled(9), labelled(1))[0].status == "passed"


def test_a_sure_fall_is_named(asked, labelled):
    check, judged = asked(labelled(0), labelled(20))
    assert (check.status, judged.verdict) == ("failed", "failed")
    assert check.parts == ("accuracy", "recall of 8")
    assert "recall of 8 100 % -> 90.0 % (20 samples)" in check.message


def test_a_fall_that_chance_can_make_is_undecided(asked, labelled):
    check, _ = asked(labelled(0), labelled(3))
    assert check.status == "undecided"
    assert "more data decides" in check.message


def test_another_reference_leaves_more_to_chance(asked, labelled):
    then, now = labelled(0), labelled(20)
    assert asked(then, now, same_reference=False)[0].status == "undecided"


def test_other_golden_data_decide_nothing(asked, labelled):
    check, _ = asked(labelled(0), labelled(20), same_data=False)
    assert check.status == "undecided"
    assert "other golden data" in check.message


def test_a_variant_that_was_not_there_is_not_asked(asked, labelled):
    check, judged = asked(None, labelled(0))
    assert check is None
    assert "no numbers of a variant" in judged.skipped_checks["baseline"]


@pytest.mark.parametrize(
    ("then", "now", "status"),
    [
        (40.0, 39.0, "passed"),
        (40.0, 33.0, "failed"),
        (140.0, 110.0, "passed"),  # the last bits of another machine
        (None, 110.0, "passed"),
        (None, 60.0, "failed"),
        (40.0, None, "passed"),
    ],
)
def test_an_output_may_not_err_twice_as_much(asked, make, then, now, status):
    before, after = (
        make.result(outputs=(make.output(sqnr_db=db),)) for db in (then, now)
    )
    check, _ = asked(before, after)
    assert check.status == status
    assert check.parts == (("sqnr_db of probabilities",) if status == "failed" else ())


@pytest.mark.parametrize(
    ("name", "values", "interval", "status"),
    [
        ("mean_iou", (0.8, 0.8), None, "passed"),
        ("mean_iou", (0.8, 0.9), None, "passed"),
        ("mean_iou", (0.8, 0.7), None, "failed"),
        ("mean_iou", (0.8, 0.7), (-0.05, 0.05), "failed"),
        ("mean_iou", (0.8, 0.78), (-0.05, 0.05), "undecided"),
        ("rmse_error", (0.8, 0.7), None, "passed"),
        ("rmse_error", (0.7, 0.8), None, "failed"),
    ],
)
def test_a_number_of_the_task_may_not_get_worse(
    asked, make, name, values, interval, status
):
    before, after = (
        make.result(
            labels=None,
            task=TaskComparison(
                "regression", 9, (TaskMetric(name, 9, 0.8, value, None, interval),)
            ),
        )
        for value in values
    )
    assert asked(before, after)[0].status == status
