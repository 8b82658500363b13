from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from harness.core.results import Check
from harness.core.waivers import Waiver
from harness.gate import stale, waive

TODAY = date(2030, 6, 15)


def waiver(**changes):
    fields = {
        "variant": "candidate",
        "check": "per_class_recall",
        "why": "class 8 is retrained next week",
        "who": "Ann",
        "until": "2030-06-15",
    }
    return Waiver(**(fields | changes))


def failed(name="per_class_recall", parts=("8",)):
    return Check(name, "failed", 0.2, 0.01, "1 of 10 classes loses recall", parts)


@pytest.fixture
def judged(make):
    def judged(*checks, **changes):
        return make.result(checks=checks, verdict="failed", **changes)

    return judged


def test_a_failure_that_somebody_answers_for_passes_and_says_so(judged):
    passed = Check("accuracy", "passed", 0.0, 0.01, "kept")
    (variant,), uses = waive([judged(failed(), passed)], [waiver()], TODAY)
    check = variant.checks[0]
    assert (check.status, variant.verdict) == ("passed", "passed")
    assert check.waived == ("class 8 is retrained next week (Ann, until 2030-06-15)",)
    assert check.message == failed().message
    assert [use.state for use in uses] == ["used"]
    assert stale(uses) == ()


@pytest.mark.parametrize("part", ["8", "3"])
def test_every_part_that_failed_needs_a_waiver(judged, part):
    check = failed(parts=("3", "8"))
    (variant,), uses = waive([judged(check)], [waiver(part=part)], TODAY)
    assert variant.verdict == "failed"
    assert variant.checks == (check,)
    assert uses[0].state == "used"
    both = [waiver(part="3"), waiver(part="8")]
    (variant,), uses = waive([judged(check)], both, TODAY)
    assert variant.verdict == "passed"
    assert [line[:2] for line in variant.checks[0].waived] == ["3:", "8:"]


@pytest.mark.parametrize(("part", "verdict"), [("PAD001", "passed"), ("PAD", "failed")])
def test_a_finding_is_waived_by_its_code_wherever_it_is(judged, part, verdict):
    check = failed("operator_semantics", ("PAD001@conv1", "PAD001@conv2"))
    one = waiver(check="operator_semantics", part=part)
    (variant,), _ = waive([judged(check)], [one], TODAY)
    assert variant.verdict == verdict


def test_it_holds_through_its_last_day_and_then_fails_the_run(judged):
    late = waiver(until="2030-06-14")
    (variant,), uses = waive([judged(failed())], [late], TODAY)
    assert variant.verdict == "failed"
    assert [use.state for use in stale(uses)] == ["expired"]


@pytest.mark.parametrize("status", ["passed", "undecided"])
def test_one_that_nothing_needs_fails_the_run(judged, status):
    check = replace(failed(), status=status)
    (variant,), uses = waive([judged(check)], [waiver()], TODAY)
    assert variant.checks == (check,)
    assert [use.state for use in stale(uses)] == ["unused"]


def test_one_of_a_part_that_did_not_fail_is_unused(judged):
    _, uses = waive([judged(failed())], [waiver(), waiver(part="5")], TODAY)
    assert [use.state for use in uses] == ["used", "unused"]


def test_what_was_not_judged_needs_no_waiver_yet(judged, make):
    skipped = make.result(status="skipped", checks=())
    for variant in (skipped, judged(replace(failed(), status="error"))):
        _, uses = waive([variant], [waiver()], TODAY)
        assert [use.state for use in uses] == ["not judged"]
        assert stale(uses) == ()


def test_others_are_left_alone(judged):
    other = judged(failed(), name="other")
    mine = judged(failed())
    after, _ = waive([other, mine], [waiver()], TODAY)
    assert after[0] == other
    assert after[1].verdict == "passed"
