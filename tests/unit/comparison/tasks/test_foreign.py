"""A task of another package: what it does wrong is told as its own."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from harness.comparison.batch import ComparisonBatch
from harness.comparison.tasks.foreign import ForeignTask
from harness.core.errors import ComparisonError, MissingDependencyError, SuiteError
from harness.core.registry import LazyEntry, Registry
from harness.core.results import PartComparison, TaskComparison, TaskMetric

BATCH = ComparisonBatch(slice(4, 6), {}, {})


def metric(**facts):
    return TaskMetric(**{"name": "a", "n": 2, "reference": 1, "candidate": 1} | facts)


def comparison(*metrics, n=2, **more):
    return TaskComparison("theirs", n, metrics, **more)


def task_of(answer=None, update=None, merge=None):
    def made(_options, _names):
        return SimpleNamespace(
            update=update or (lambda _batch: None),
            merge=merge or (lambda _other: None),
            result=answer if callable(answer) else lambda: answer,
        )

    return ForeignTask("counting", "their-task", made, {}, None)


def failing(*_):
    raise KeyError("oh")


def test_what_is_right_goes_through_under_the_suites_name():
    one = metric(interval=(0.0, 1.0), p_value=0.5)
    part = PartComparison("cat", 2, (one,))
    answer = comparison(one, per_class=(part,), notes=("well",))
    found = task_of(answer).result()
    assert found == TaskComparison("counting", 2, (one,), (part,), notes=("well",))


def test_nothing_is_an_answer():
    assert task_of(None).result() is None


def test_numbers_of_numpy_become_plain_ones():
    value = np.float32(0.5)
    one = metric(n=np.int64(2), reference=value, candidate=value, interval=[value] * 2)
    found = task_of(TaskComparison("t", np.int32(2), [one])).result()
    assert type(found.n) is type(found.metrics[0].n) is int
    assert type(found.metrics[0].reference) is float
    assert found.metrics[0].interval == (0.5, 0.5)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (7, "answers a int, no TaskComparison"),
        (failing, "failed at its result: KeyError: 'oh'"),
        (comparison("exact"), "answers a str among metrics"),
        (comparison(n=-2), "answers n -2, no count"),
        (comparison(n=1.5), "answers n 1.5, no count"),
        (comparison(metric(reference=np.nan)), "reference nan: None, and why"),
        (comparison(metric(candidate="x")), "candidate 'x', no number"),
        (comparison(metric(), metric()), "the metric 'a' more than once in metrics"),
        (comparison(metric(name="a b")), "a metric named 'a b': no plain word"),
        (comparison(metric(p_value=2)), "p_value 2.0, no chance from 0 to 1"),
        (comparison(metric(interval=(2, 1))), r"interval \(2, 1\), no low and high"),
        (comparison(metric(interval=3)), "interval as a int, no tuple"),
        (comparison(per_class=(1,)), "a int among per_class"),
        (comparison(notes="all"), "notes as a str, no tuple"),
        (
            comparison(per_class=(PartComparison("cat", 1, (metric(n=None),)),)),
            "metric 'a': n None, no count",
        ),
    ],
)
def test_answers_that_are_none(answer, expected):
    with pytest.raises(ComparisonError, match=expected) as caught:
        task_of(answer).result()
    assert "task 'counting' of the package their-task" in str(caught.value)


def test_batches_and_parts_that_it_cannot_take():
    with pytest.raises(ComparisonError, match="on samples 4 to 5: KeyError: 'oh'"):
        task_of(update=failing).update(BATCH)
    with pytest.raises(ComparisonError, match="when parts were merged: KeyError"):
        task_of(merge=failing).merge(task_of())


def test_errors_of_ours_are_its_own_words():
    def refuse(*_):
        raise SuiteError("task.slack is 'x'", hint="give a number")

    with pytest.raises(SuiteError, match=r"task.slack is 'x'"):
        ForeignTask("counting", "their-task", refuse, {}, None)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda _options: None, "failed when it was made: TypeError"),
        (lambda _options, _names: {}, "makes a dict without merge and result"),
    ],
)
def test_what_makes_no_task(make, expected):
    with pytest.raises(ComparisonError, match=expected):
        ForeignTask("counting", "their-task", make, {}, None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import not_there", "No module named 'not_there'"),
        ("Other = 1", "has no attribute 'Counting'"),
        ("1 / 0", "division by zero"),
        ("def Counting(:", "invalid syntax"),
    ],
)
def test_modules_that_do_not_load(tmp_path, monkeypatch, code, expected):
    (tmp_path / "their_odd_task.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    entry = LazyEntry("their_odd_task:Counting", distribution="their-task")
    with pytest.raises(MissingDependencyError, match=expected) as caught:
        Registry("task", {"counting": entry}).get("counting")
    sys.modules.pop("their_odd_task", None)
    assert caught.value.hint == "mend the installation: pip install 'their-task'"
