import json

import pytest

MODES = [("-n", "2"), ("-n", "2", "--dist", "loadgroup"), ("-p", "xdist", "-n0")]

SEE_GROUPS = """
def pytest_collection_finish(session):
    if worker := getattr(session.config, "workerinput", None):
        marks = [item.get_closest_marker("xdist_group") for item in session.items]
        with open(f"groups-{worker['workerid']}", "w") as seen:
            seen.writelines(mark.args[0] + " " for mark in marks)
"""


@pytest.mark.parametrize("arguments", MODES, ids=" ".join)
def test_a_suite_is_evaluated_once_and_reported_once(project, pytester, arguments):
    answers = {"accuracy": "passed", "per_class_recall": "failed"}
    suite = project(
        project.variant("int8", **answers),
        project.variant("fp16", "optimized", **answers, outputs_close="passed"),
    )
    result = pytester.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=3, failed=2)
    assert len((suite.parent / "evaluations.log").read_text().splitlines()) == 1
    assert str(result.stdout).count("= model quality =") == 1
    result.stdout.fnmatch_lines(["report: reports/digits.html", "FAILED *lost 12.5*"])
    saved = json.loads((pytester.path / "reports/digits.json").read_text())
    assert [v["name"] for v in saved["variants"]] == ["original", "int8", "fp16"]


def test_a_fault_is_shared_and_not_met_again(project, pytester):
    suite = project(
        project.variant(broken="golden", accuracy="passed", outputs_close="passed")
    )
    result = pytester.runpytest_subprocess("-n", "2")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["data.npz holds no samples", "Hint: record some"])
    result.stdout.fnmatch_lines(["golden/quality.toml: not evaluated*"])
    assert len((suite.parent / "evaluations.log").read_text().splitlines()) == 1


def test_items_of_a_suite_are_one_group_in_every_worker(project, pytester):
    project(project.variant(accuracy="passed", outputs_close="passed"))
    with (pytester.path / "conftest.py").open("a") as conftest:
        conftest.write(SEE_GROUPS)
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=2)
    seen = [path.read_text() for path in pytester.path.glob("groups-*")]
    assert seen == ["digits digits "] * 2


def test_the_shared_folder_is_gone_afterwards(project, pytester, monkeypatch):
    scratch = pytester.path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    project(project.variant(accuracy="passed"))
    pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=1)
    assert [p for p in scratch.iterdir() if p.name.startswith("quality-")] == []
