"""Every task from exported models to the verdict, on one golden suite each."""

import pytest

from harness.core.errors import SuiteError
from harness.pipeline import planned_checks
from harness.report.html import render_html
from harness.report.markdown import render_markdown
from harness.report.terminal import render_terminal
from harness.suite import load_suite

TASKS = {
    "binary": ("f1", ""),
    "detection": ("average_precision", ""),
    "embedding": ("neighbour_agreement", ""),
    "multilabel": ("macro_f1", ""),
    "regression": ("r2", ""),
    "segmentation": ("mean_iou", '[task]\nlayout = "NCHW"\nclasses = 4\n'),
    "sequence": ("token_agreement", ""),
}


@pytest.mark.parametrize("task", TASKS)
def test_a_copy_passes_and_a_broken_model_fails_by_its_metric(run_suite, task):
    metric, options = TASKS[task]
    found = run_suite(task, options)
    assert found.same.status == "ran"
    assert found.same.verdict == "passed"
    assert found.checks["same"]["task_metrics"].status == "passed"
    assert found.checks["same"]["per_slice"].status == "passed"
    broken = found.checks["bad"]["task_metrics"]
    assert broken.status == "failed"
    assert metric in broken.parts
    names = [part.name for part in found.bad.task.slices]
    assert names == ["light=day", "light=night"]
    values = {m.name: m for m in found.bad.task.metrics}
    assert values[metric].reference > values[metric].candidate
    assert values[metric].interval is not None


@pytest.mark.parametrize("task", ["detection", "regression"])
def test_reports_tell_metrics_classes_and_slices(run_suite, task):
    found = run_suite(task, TASKS[task][1])
    first = found.bad.task.metrics[0].name.replace("_", " ")
    terminal = render_terminal(found.report, colour=False)
    assert first in terminal
    assert "[task_metrics]" in terminal or "task_metrics" in terminal
    page = render_html(found.report)
    assert f"Metrics of {task} over" in page
    assert "light=night" in page
    text = render_markdown(found.report)
    assert "Metrics of <code>bad</code>" in text
    assert "Slices of <code>bad</code>: 2" in text
    if task == "detection":
        assert "background" in page


def test_a_limit_of_the_suite_is_asked_by_its_metric(run_suite):
    wide = "[variant.gate.max_drop]\nr2 = 5.0\nmean_abs_error = 0.5\n"
    found = run_suite("regression", wide)
    check = found.checks["bad"]["task_metrics"]
    assert check.status == "failed"
    assert check.parts == ("mean_abs_error",)


def test_slices_by_expression_and_column_come_before_those_of_the_data(run_suite):
    more = '[[slice]]\nname = "dark"\nwhere = \'light == "night"\'\n'
    found = run_suite("binary", more)
    names = [part.name for part in found.bad.task.slices]
    assert names == ["dark", "light=day", "light=night"]
    dark, _, night = found.bad.task.slices
    assert dark.metrics == night.metrics


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[task]\ntreshold = 0.4\n", "no option 'treshold'"),
        ('[[slice]]\nwhere = "light("\n', "slice 'light"),
        ('[[slice]]\nwhere = "hour < 6"\n', "no column 'hour'"),
    ],
)
def test_what_is_wrong_with_the_suite_is_said_of_the_suite(run_suite, more, message):
    with pytest.raises(SuiteError, match=message):
        run_suite("binary", more)


def test_too_few_samples_of_a_slice_are_not_judged(run_suite):
    found = run_suite("binary", '[[slice]]\nname="a"\nwhere = \'light == "fog"\'\n')
    assert found.bad.task.slices[0].unjudged == "0 samples, fewer than 30"


def test_the_plan_names_the_checks_that_a_run_answers(run_suite, exported):
    found = run_suite("regression")
    suite = load_suite(max(exported("regression").glob("*.toml"), key=_written))
    planned = set(planned_checks(suite, suite.variant("bad")))
    assert planned == set(found.checks["bad"])
    assert {"task_metrics", "per_slice"} <= planned


def _written(path):
    return path.stat().st_mtime_ns


def test_declared_slices_that_cannot_be_made_are_said(run_suite):
    found = run_suite("tensor", '[[slice]]\nwhere = "1 < 2"\n')
    assert found.bad.skipped_checks["per_slice"] == "no slice of the data could be made"
    assert found.bad.task is None
