import json

import pytest


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_html_and_json_land_in_reports_under_the_root(project, pytester):
    project(project.variant(accuracy="passed"), name="Digits CNN")
    result = pytester.runpytest("golden")
    assert files(pytester.path / "reports") == [
        "digits-cnn.html",
        "digits-cnn.json",
        "history.sqlite",
    ]
    result.stdout.fnmatch_lines(["report: reports/digits-cnn.html"])
    saved = json.loads((pytester.path / "reports/digits-cnn.json").read_text())
    assert saved["verdict"] == "passed"


def test_the_option_names_the_folder_from_where_the_user_stands(project, pytester):
    project(project.variant(accuracy="passed"))
    pytester.makeini("[pytest]\nquality_report = elsewhere\n")
    pytester.runpytest("--quality-report=out/here")
    assert files(pytester.path / "out/here") == [
        "digits.html",
        "digits.json",
        "history.sqlite",
    ]
    assert not (pytester.path / "elsewhere").exists()


def test_the_ini_key_names_the_folder_from_the_root(project, pytester, monkeypatch):
    project(project.variant(accuracy="passed"))
    pytester.makeini("[pytest]\nquality_report = elsewhere\n")
    monkeypatch.chdir(pytester.path / "golden")
    pytester.runpytest()
    assert files(pytester.path / "elsewhere") == [
        "digits.html",
        "digits.json",
        "history.sqlite",
    ]


def test_two_suites_of_one_name_keep_a_report_each(project, pytester):
    project(project.variant(accuracy="passed"), folder="a")
    project(project.variant(accuracy="failed"), folder="b")
    pytester.runpytest()
    reports = pytester.path / "reports"
    assert files(reports) == [
        "digits-2.html",
        "digits-2.json",
        "digits.html",
        "digits.json",
        "history.sqlite",
    ]
    assert json.loads((reports / "digits-2.json").read_text())["verdict"] == "failed"


def test_a_folder_that_cannot_be_written_is_said_and_fails_the_run(project, pytester):
    project(project.variant(accuracy="passed"))
    (pytester.path / "taken").write_text("a file")
    result = pytester.runpytest("--quality-report=taken")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["no report: cannot write *taken*", "Hint: *"])


def test_the_hook_gets_each_finished_report(project, pytester):
    project(project.variant(accuracy="passed"), folder="a", name="first")
    project(project.variant(accuracy="failed"), folder="b", name="second")
    with (pytester.path / "conftest.py").open("a") as conftest:
        conftest.write(
            "\ndef pytest_quality_report(report):\n"
            "    print('posted', report.suite.name, report.verdict)\n"
        )
    result = pytester.runpytest("-s")
    result.stdout.fnmatch_lines(["*posted first passed", "posted second failed"])
