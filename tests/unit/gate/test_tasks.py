"""Checks of a task's metrics and slices."""

import pytest

from harness.core.results import PartComparison, TaskComparison, TaskMetric
from harness.core.specs import GateSpec, VariantSpec
from harness.gate import asked_checks, default_gate, judge, limits_for
from harness.gate.criteria import default_drops

LIMITS = GateSpec(max_drop={"mean_iou": 0.01, "pixel_agreement": 0.02})


def metric(name="mean_iou", reference=0.8, candidate=0.8, **more):
    return TaskMetric(name, more.pop("n", 500), reference, candidate, **more)


def task(*metrics, slices=(), name="segmentation"):
    return TaskComparison(name, 500, metrics, slices=tuple(slices))


def answer(make, comparison, check="task_metrics", limits=LIMITS, declared=()):
    result = make.result(labels=None, task=comparison)
    judged = judge(result, limits, [], declared)
    (found,) = [one for one in judged.checks if one.name == check]
    return found, judged


@pytest.mark.parametrize(
    ("candidate", "p_value", "status"),
    [
        (0.85, 1.0, "passed"),
        (0.795, 1e-9, "passed"),
        (0.79, 1e-9, "passed"),
        (0.70, 1e-4, "failed"),
        (0.70, 0.2, "undecided"),
    ],
)
def test_a_metric_fails_beyond_its_limit_and_beyond_chance(
    make, candidate, p_value, status
):
    found, judged = answer(make, task(metric(candidate=candidate, p_value=p_value)))
    assert found.status == status
    assert found.observed == pytest.approx(0.8 - candidate)
    assert found.parts == (("mean_iou",) if status == "failed" else ())
    verdicts = {"passed": "pass", "failed": "fail", "undecided": "undecided"}
    assert judged.task.metrics[0].verdict == verdicts[status]


def test_smaller_is_better_for_errors(make):
    limits = GateSpec(max_drop={"rmse_error": 0.5})
    worse = metric("rmse_error", 1.0, 2.0, p_value=1e-5)
    found, _ = answer(make, task(worse), limits=limits)
    assert found.status == "failed"
    assert "rmse_error 1 -> 2" in found.message
    better = metric("rmse_error", 2.0, 1.0, p_value=1.0)
    assert answer(make, task(better), limits=limits)[0].status == "passed"


@pytest.mark.parametrize(
    ("interval", "status"),
    [((-0.06, -0.04), "failed"), ((-0.099, -0.001), "undecided")],
)
def test_where_the_reference_is_right_the_interval_must_lie_beyond(
    make, interval, status
):
    told = metric("pixel_agreement", 1.0, 0.95, interval=interval)
    assert answer(make, task(told))[0].status == status


@pytest.mark.parametrize(("n", "status"), [(30, "failed"), (29, "undecided")])
def test_an_extreme_fails_by_its_value_alone(make, n, status):
    limits = GateSpec(max_drop={"max_error": 0.1})
    worse = metric("max_error", 1.0, 2.0, n=n)
    assert answer(make, task(worse), limits=limits)[0].status == status


def test_confidence_asks_for_the_interval_within_the_limit(make):
    limits = GateSpec(max_drop={"mean_iou": 0.01}, confidence=0.95)
    wide = metric(interval=(-0.05, 0.05), p_value=1.0)
    assert answer(make, task(wide), limits=limits)[0].status == "undecided"
    narrow = metric(interval=(-0.005, 0.005), p_value=1.0)
    assert answer(make, task(narrow), limits=limits)[0].status == "passed"


def test_several_metrics_are_one_family(make):
    limits = GateSpec(max_drop={"mean_iou": 0.01, "pixel_accuracy": 0.01})
    close = metric(candidate=0.7, p_value=0.006)
    other = metric("pixel_accuracy", p_value=1.0)
    assert answer(make, task(close, other), limits=limits)[0].status == "undecided"
    alone = GateSpec(max_drop={"mean_iou": 0.01})
    assert answer(make, task(close), limits=alone)[0].status == "failed"


def test_a_limit_on_what_the_task_does_not_have_is_undecided_and_says_what_has(make):
    limits = GateSpec(max_drop={"map": 0.1})
    found, _ = answer(make, task(metric()), limits=limits)
    assert found.status == "undecided"
    assert "max_drop names map; the task's metrics are mean_iou" in found.message


def test_a_metric_that_cannot_be_told_is_undecided(make):
    found, _ = answer(make, task(metric(candidate=None, unscored="no pixels")))
    assert (found.status, found.observed) == ("undecided", None)
    assert "no pixels" in found.message


def part(name, lost=0, won=0, n=200, unjudged=None, metrics=()):
    return PartComparison(
        name, n, metrics, n_regressed=lost, n_improved=won, unjudged=unjudged
    )


def test_slices_of_decisions_are_judged_like_classes(make):
    slices = [
        part("night", 40),
        part("day", 1),
        part("fog", 3, n=40),
        part("few", 9, n=9, unjudged="9 samples, fewer than 30"),
    ]
    comparison = task(name="classification", slices=slices)
    limits = default_gate("converted")
    found, judged = answer(make, comparison, "per_slice", limits)
    assert found.status == "failed"
    assert found.parts == ("night",)
    assert "night (40 of 200 lost, -20.0 points)" in found.message
    assert "1 slice with too few samples not judged" in found.message
    verdicts = [one.verdict for one in judged.task.slices]
    assert verdicts == ["fail", "pass", "undecided", "undecided"]
    assert judged.task.slices[1].min_detectable_drop < 0.1


def test_slices_of_groups_fall_as_groups(make):
    lone = PartComparison(
        "night", 200, (), n_regressed=40, n_improved=0, group_losses=((40, 1),)
    )
    comparison = task(name="classification", slices=[lone])
    found, _ = answer(make, comparison, "per_slice", default_gate("converted"))
    assert found.status == "undecided", "one group is one witness"


def test_slices_of_other_tasks_are_judged_by_their_metrics(make):
    bad, good = metric(candidate=0.5, p_value=1e-6), metric(p_value=1.0)
    slices = [part("rain", metrics=(bad,)), part("sun", metrics=(good,))]
    found, judged = answer(make, task(metric(), slices=slices), "per_slice")
    assert (found.status, found.parts) == ("failed", ("rain",))
    assert "rain (mean_iou 0.8 -> 0.5)" in found.message
    assert [one.verdict for one in judged.task.slices] == ["fail", "pass"]


def test_without_slices_nothing_is_said_of_them(make):
    judged = judge(make.result(task=task(metric())), LIMITS, [])
    names = {check.name for check in judged.checks} | set(judged.skipped_checks)
    assert "per_slice" not in names
    assert "task_metrics" in names


def test_defaults_are_a_kind_and_task_and_the_suite_overrides_them():
    spec = VariantSpec("q", "quantized", None, max_drop={"mean_iou": 0.5})
    drops = limits_for(spec, "segmentation").max_drop
    assert drops["mean_iou"] == 0.5
    assert (
        drops["pixel_agreement"]
        == default_drops("quantized", "segmentation")["pixel_agreement"]
    )
    assert limits_for(spec, "segmentation").max_drop.keys() == drops.keys()
    assert default_drops("converted", "classification") is None
    plain = VariantSpec("c", "converted", None)
    assert "task_metrics" not in asked_checks(limits_for(plain))
    assert "task_metrics" in asked_checks(limits_for(plain, "detection"))


@pytest.mark.parametrize(
    "name", ["binary", "detection", "embedding", "multilabel", "segmentation"]
)
def test_fewer_bits_may_lose_more(name):
    same, fewer = default_drops("frozen", name), default_drops("quantized", name)
    assert same.keys() == fewer.keys()
    assert all(same[key] < fewer[key] for key in same)
