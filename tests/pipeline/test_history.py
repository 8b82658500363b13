"""``harness run --history`` and ``harness history``, on a small real release."""

import json
import sqlite3

import jsonschema
import pytest

from harness.report.schema import report_schema


@pytest.fixture
def file(release):
    return release.folder / "kept" / "history.sqlite"


@pytest.fixture
def run(release, small, file):
    """One more run, kept."""

    def once(*arguments):
        return small.invoke("run", release.suite, "--history", file, *arguments)

    return once


def test_runs_are_kept_shown_and_accepted(release, small, run, file):
    assert f"history: {file}, run 1" in run().output
    run()
    accepted = small.invoke("history", "accept", release.suite, "--db", file)
    assert accepted.output.startswith("accepted: run 2 (")
    release.model("candidate.onnx", small.classifier(-small.weights()))
    assert run().exit_code == 1
    shown = small.invoke("history", release.folder, "--db", file)
    assert shown.exit_code == 0
    assert "small  3 runs" in shown.output
    assert "FAILED since run 3" in shown.output
    assert "against the accepted run, run 2" in shown.output
    assert "accuracy 100 % -> " in shown.output
    assert "model " in shown.output
    assert max(map(len, shown.output.splitlines())) <= 80


def test_the_page_and_the_record_are_written(release, small, run, file):
    run()
    page, record = release.out / "trend.html", release.out / "trend.json"
    arguments = ("--html", page, "--json", record, "--last", "5", "--nights", "1")
    shown = small.invoke("history", "small", "--db", file, *arguments)
    assert shown.exit_code == 0
    assert "candidate" in page.read_text(encoding="utf-8")
    trend = json.loads(record.read_text())
    assert trend["suite"] == "small"
    jsonschema.validate(trend, report_schema("history"))


def test_a_variant_can_be_shown_alone(small, run, file):
    run()
    shown = small.invoke("history", "small", "--db", file, "--variant", "candidate")
    assert "\ncandidate  " in shown.output
    assert "\nreference  " not in shown.output
    wrong = small.invoke("history", "small", "--db", file, "--variant", "int8")
    assert (wrong.exit_code, "holds reference, candidate" in wrong.stderr) == (2, True)


def test_what_cannot_be_a_history_is_refused_before_anything_is_run(release, small):
    before = release.suite.read_bytes()
    for wrong in (release.suite, release.folder):
        result = small.invoke("run", release.suite, "--history", wrong)
        assert result.exit_code == 2
        assert "golden samples" not in result.output
    assert release.suite.read_bytes() == before


@pytest.mark.parametrize("arguments", [["small"], ["accept", "small"]])
def test_a_missing_history_is_an_error_that_says_how_to_make_one(
    small, file, arguments
):
    result = small.invoke("history", *arguments, "--db", file)
    assert result.exit_code == 2
    assert "no history file" in result.stderr
    assert "harness run SUITE --history" in result.stderr
    assert not file.exists()


def test_an_unknown_suite_is_an_error_that_names_the_known_ones(small, run, file):
    run()
    result = small.invoke("history", "larger", "--db", file)
    assert result.exit_code == 2
    assert "it holds runs of 'small'" in result.stderr


def test_all_variants_are_in_the_file(run, file):
    run()
    names = sqlite3.connect(file).execute("SELECT name FROM variants").fetchall()
    assert names == [("candidate",), ("reference",)]
