"""Every pytest run that judges a suite is one more run of its history."""

import sqlite3

import pytest

from harness.history.database import History


def runs(pytester, suite="digits", folder="reports"):
    with History(pytester.path / folder / "history.sqlite") as history:
        return [stored.run.verdict for stored in history.runs(suite, 100)]


def test_each_run_is_kept_beside_the_reports(project, pytester):
    project(project.variant(accuracy="passed"))
    pytester.runpytest()
    pytester.runpytest("-q")
    assert runs(pytester) == ["passed", "passed"]
    project(project.variant(accuracy="failed"))
    pytester.runpytest("--quality-report=other")
    assert runs(pytester, folder="other") == ["failed"]
    assert len(runs(pytester)) == 2


def test_two_suites_share_a_file(project, pytester):
    project(project.variant(accuracy="passed"), folder="a", name="first")
    project(project.variant(accuracy="failed"), folder="b", name="second")
    pytester.runpytest()
    assert (runs(pytester, "first"), runs(pytester, "second")) == (
        ["passed"],
        ["failed"],
    )


def test_with_workers_it_is_still_one_run(project, pytester):
    project(project.variant(accuracy="passed", outputs_close="passed"))
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=2)
    assert runs(pytester) == ["passed"]


def test_a_suite_that_was_not_evaluated_is_no_run(project, pytester):
    project(project.variant(accuracy="passed", broken="golden"))
    pytester.runpytest()
    assert not (pytester.path / "reports" / "history.sqlite").exists()


def test_a_history_that_cannot_be_written_is_said_and_fails_the_run(project, pytester):
    project(project.variant(accuracy="passed"))
    file = pytester.path / "reports" / "history.sqlite"
    file.parent.mkdir()
    with sqlite3.connect(file) as theirs:
        theirs.execute("CREATE TABLE theirs (id)")
    theirs.close()
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["report: *digits.html", "not kept: *no history*"])
