"""Answers before all samples were seen, and what they may cost in errors."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from harness.core.results import PartComparison, TaskComparison, TaskMetric
from harness.core.specs import GateSpec
from harness.gate import Look, Spending, default_gate, is_decided, judge, needed

N = 50_000
EARLY = Look(10_000, N, 0.02, 0.2)


def judged(make, look=EARLY, limits=None, accepted=None, **changes):
    held = look.limits(limits or default_gate("quantized"))
    result = make.result(kind="quantized", **changes)
    found = judge(result, held, (), (), accepted)
    return look.doubted(found, held)


def check(found, name):
    return next(check for check in found.checks if check.name == name)


@given(st.integers(1, 9), st.integers(0, 8))
def test_looks_spend_no_more_than_there_is(n_looks, stop):
    stop = min(stop, n_looks - 1)
    spending = Spending(n_looks)
    looks = [spending.early(index, index + 1, 100) for index in range(stop)]
    looks.append(spending.last(stop, stop + 1, 100))
    assert sum(look.share for look in looks) == pytest.approx(1)
    assert sum(look.doubt for look in looks) == pytest.approx(1)
    assert all(look.share > 0 and look.doubt > 0 for look in looks)


def test_the_last_look_keeps_most_of_the_error_rate():
    assert Spending(6).early(5, N, N) == Spending(6).last(5, N, N)
    assert Spending(6).last(5, N, N).share == pytest.approx(0.9)
    assert Spending(1).last(0, N, N) == Look(N, N)


def test_a_single_look_at_everything_changes_no_limit():
    for kind in ("converted", "quantized"):
        limits = replace(default_gate(kind), confidence=0.95, false_discoveries=0.05)
        same = Look(N, N).limits(limits)
        assert same.confidence == pytest.approx(0.95)
        assert replace(same, confidence=0.95) == limits
    assert Look(N, N).limits(default_gate("quantized")) == default_gate("quantized")


def test_before_the_end_a_pass_takes_a_bound():
    limits = EARLY.limits(default_gate("quantized"))
    assert limits.alpha == pytest.approx(0.01 * 0.02)
    assert limits.confidence == pytest.approx(1 - 0.01 * 0.2)
    named = EARLY.limits(GateSpec(confidence=0.95, false_discoveries=0.05))
    assert named.confidence == pytest.approx(1 - 0.05 * 0.02)
    assert named.false_discoveries == pytest.approx(0.05 * 0.02)


@given(st.integers(1, 10**7))
def test_as_many_as_are_needed_make_violations_rare(of):
    n = needed(of)
    violators = of // 1000 + 1
    assert 0 < n <= of
    assert hypergeom(of, violators, n).pmf(0) <= 0.001 * (1 + 1e-6)


def test_the_number_that_is_needed_is_close_to_the_least():
    assert hypergeom(N, N // 1000 + 1, needed(N) - 100).pmf(0) > 0.001


def test_no_violation_passes_once_it_is_surely_rare(make):
    limits = GateSpec(atol=1e-4, rtol=1e-3, max_mismatched=0.0)
    few, enough = needed(N) - 1, needed(N)
    for name in ("finite_outputs", "outputs_close"):
        found = check(judged(make, Look(few, N), limits), name)
        assert found.status == "undecided"
        assert f"{few:,} of 50,000 samples were seen" in found.message
        found = check(judged(make, Look(enough, N), limits), name)
        assert found.status == "passed"
        told = f"no violation in {enough:,} of 50,000 samples: at most 0.1 % can"
        assert told in found.message


def test_a_violation_that_nothing_undoes_fails_at_once(make):
    limits = GateSpec(atol=1e-4, rtol=1e-3, max_mismatched=0.0)
    output = make.output(n_mismatched=1, n_nonfinite_new=1, first_nonfinite=3)
    found = judged(make, Look(64, N), limits, outputs=(output,))
    assert check(found, "outputs_close").status == "failed"
    assert check(found, "finite_outputs").status == "failed"


@pytest.mark.parametrize(
    ("mismatched", "status"), [(0, "passed"), (1, "undecided"), (101, "failed")]
)
def test_an_allowed_share_is_of_all_elements(make, mismatched, status):
    limits = GateSpec(atol=1e-4, rtol=1e-3, max_mismatched=0.002)
    output = make.output(n_elements=10_000, n_mismatched=mismatched)
    found = judged(make, limits=limits, outputs=(output,))
    assert check(found, "outputs_close").status == status
    told = "no violation" in check(found, "outputs_close").message
    assert told == (status == "passed")


@pytest.mark.parametrize("moved", [100, 150, 160, 165, 180])
def test_agreement_passes_by_an_exact_bound(make, moved):
    labels = make.labels(n=10_000, moved=moved)
    found = check(judged(make, labels=labels), "top1_agreement")
    sure = binom(10_000, 0.02).cdf(moved) <= 0.01 * 0.2
    assert found.status == ("passed" if sure else "undecided")


def test_agreement_fails_by_its_test_alone(make):
    labels = make.labels(n=10_000, moved=300)
    assert check(judged(make, labels=labels), "top1_agreement").status == "failed"
    labels = make.labels(n=10_000, moved=225)
    assert check(judged(make, labels=labels), "top1_agreement").status == "undecided"


@pytest.mark.parametrize(
    ("lost", "status"),
    [(0, "passed"), (90, "undecided"), (110, "undecided"), (300, "failed")],
)
def test_accuracy_and_recall_are_decided_by_bounds(make, lost, status):
    found = judged(make, labels=make.labels(n=10_000, lost=lost, moved=lost))
    assert check(found, "accuracy").status == status
    limits = replace(default_gate("quantized"), max_recall_drop=0.01)
    found = judged(make, limits=limits, labels=make.labels(n=10_000, lost=lost))
    assert check(found, "per_class_recall").status == status


def test_a_loss_in_what_was_seen_may_still_be_too_little_to_fail(make):
    """Seven lost and none won fail at alpha, not at an early look's share of it."""
    labels = make.labels(n=200, lost=8)
    assert check(judged(make, Look(200, 200), labels=labels), "accuracy").status == (
        "failed"
    )
    found = check(judged(make, Look(200, N, 0.02), labels=labels), "accuracy")
    assert found.status == "undecided"


def test_a_class_that_was_not_seen_is_undecided(make):
    classes = (make.one_class("a", 10_000), make.one_class("b", 0))
    labels = make.labels(n=10_000, per_class=classes)
    assert check(judged(make, labels=labels), "per_class_recall").status == "undecided"


def test_samples_in_groups_pass_at_the_end_alone(make):
    one = replace(make.one_class("a", 10_000), group_losses=())
    labels = replace(make.labels(n=10_000, per_class=(one,)), group_losses=())
    names = ("top1_agreement", "accuracy", "per_class_recall")
    found = judged(make, labels=labels)
    assert {check(found, name).status for name in names} == {"undecided"}
    found = judged(make, Look(10_000, 10_000), labels=labels)
    assert {check(found, name).status for name in names} == {"passed"}


def metric(name="f1", loss=0.0, **changes):
    fields = {"interval": (-loss - 0.001, -loss + 0.001)} | changes
    return TaskMetric(name, 10_000, 0.9, 0.9 - loss, **fields)


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (metric(), "passed"),
        (metric(loss=0.0195), "undecided"),
        (metric(loss=0.1), "failed"),
        (metric(interval=None), "undecided"),
        (metric(loss=0.1, interval=None), "undecided"),
        (metric(loss=0.1, interval=None, p_value=1e-9), "undecided"),
        (metric(loss=0.1, p_value=1e-9), "failed"),
        (metric(loss=0.0205, p_value=1e-9), "undecided"),
    ],
)
def test_a_metric_is_decided_by_its_interval_or_its_test(make, one, status):
    limits = GateSpec(max_drop={"f1": 0.02})
    task = TaskComparison("binary", 10_000, (one,))
    found = judged(make, limits=limits, labels=None, task=task)
    assert check(found, "task_metrics").status == status


def test_a_metric_of_few_samples_passes_later(make):
    limits = GateSpec(max_drop={"f1": 0.02})
    task = TaskComparison("binary", 1_000, (metric(),))
    look = Look(1_000, N, 0.02, 0.2)
    found = check(judged(make, look, limits, labels=None, task=task), "task_metrics")
    assert found.status == "undecided"
    assert f"passes early from {needed(N):,} of them on" in found.message


def piece(name="day", n=5_000, lost=0, **changes):
    fields = {"n_regressed": lost, "n_improved": 0} | changes
    return PartComparison(name, n, (), **fields)


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ([piece()], "passed"),
        ([piece(n=50)], "undecided"),
        ([piece(lost=1_000)], "failed"),
        ([piece(lost=110)], "undecided"),
        ([piece(), piece("night", 12, unjudged="12 samples")], "undecided"),
        ([piece("night", 12, unjudged="12 samples")], "undecided"),
        ([piece(group_losses=())], "undecided"),
    ],
)
def test_slices_are_decided_by_bounds(make, pieces, status):
    task = TaskComparison("classification", 10_000, (), slices=tuple(pieces))
    found = judged(make, task=task, labels=make.labels(n=10_000))
    assert check(found, "per_slice").status == status
    assert "per_slice" not in found.skipped_checks


@pytest.mark.parametrize(("loss", "status"), [(0.0, "undecided"), (0.1, "failed")])
def test_slices_of_other_tasks_pass_at_the_end_alone(make, loss, status):
    limits = GateSpec(max_drop={"f1": 0.02})
    pieces = (PartComparison("day", 5_000, (metric(loss=loss),)),)
    task = TaskComparison("binary", 10_000, (metric(),), slices=pieces)
    found = judged(make, limits=limits, labels=None, task=task)
    assert check(found, "per_slice").status == status


def test_what_files_say_needs_no_samples(make):
    found = judged(make, Look(64, N, 0.02, 0.2))
    names = {c.name: c.status for c in found.checks}
    assert names["weight_drift"] == names["operator_semantics"] == "passed"
    assert not is_decided(found)
    assert found.verdict == "undecided"


def test_decided_is_every_check_of_samples(make):
    found = judged(make, labels=make.labels(n=10_000))
    assert {c.status for c in found.checks} == {"passed"}
    assert is_decided(found)
    assert is_decided(judged(make, labels=make.labels(n=10_000, lost=300)))


def test_what_did_not_run_is_not_asked(make):
    found = judged(make, status="crashed", outputs=(), labels=None)
    assert found.verdict == "error"
    assert is_decided(found)
