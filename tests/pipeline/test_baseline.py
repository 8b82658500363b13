"""A candidate against the saved report of the release that was accepted last."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import harness
from harness.core.specs import RunOptions
from harness.report.json_ import read_report, render_json


@pytest.fixture
def accepted(release):
    """The release's saved report."""
    release.edit('reference = "reference"', 'reference = "reference"\nisolation="none"')
    assert release.run().exit_code == 0
    path = release.folder / "accepted" / "small.json"
    path.parent.mkdir()
    shutil.copy(release.out / "report.json", path)
    return path


def check(report):
    found = {c.name: c for c in report.variant("candidate").checks}
    return found.get("baseline")


def worsen(release, small):
    """Within the limits of its kind, and all the same worse than what was accepted."""
    release.model("candidate.onnx", small.rounded(3e4))


def test_the_same_release_is_no_worse_than_itself(release, accepted):
    options = RunOptions(baseline=read_report(accepted))
    found = check(harness.evaluate(release.suite, options))
    assert (found.status, found.message) == (
        "passed",
        "nothing fell behind the baseline",
    )


def test_it_is_not_asked_without_one(release):
    assert check(harness.evaluate(release.suite)) is None


def test_numbers_within_every_limit_may_still_fall_behind(release, accepted, small):
    worsen(release, small)
    # Its two operators too many would be found, and proven.
    options = RunOptions(diagnose=False)
    assert harness.evaluate(release.suite, options).verdict == "passed"
    options = replace(options, baseline=read_report(accepted))
    report = harness.evaluate(release.suite, options)
    assert report.verdict == "failed"
    assert "1 metric falls behind the baseline: 'scores'" in check(report).message


def test_other_golden_data_decide_nothing(release, accepted, small):
    data = small.samples()
    release.data(x=data["x"] + np.float32(0.01), label=data["label"])
    options = RunOptions(baseline=read_report(accepted))
    found = check(harness.evaluate(release.suite, options))
    assert found.status == "undecided"
    assert "other golden data" in found.message


@pytest.mark.parametrize("folder", [False, True])
def test_the_command_line_takes_a_file_or_a_folder(release, accepted, small, folder):
    worsen(release, small)
    assert release.run("--no-diagnose").exit_code == 0
    place = accepted.parent if folder else accepted
    result = release.run("--no-diagnose", "--baseline", str(place))
    assert result.exit_code == 1
    assert "behind the baseline" in " ".join(result.output.split())


def test_a_folder_without_a_report_of_the_suite_is_refused(release, accepted):
    report = read_report(accepted)
    other = replace(report.suite, name="else")
    accepted.write_text(render_json(replace(report, suite=other)), encoding="utf-8")
    result = release.run("--baseline", str(accepted.parent))
    assert result.exit_code == 2
    assert "holds no report of the suite 'small'" in result.stderr


def test_pytest_asks_one_more_check_and_names_what_fell(
    release, accepted, small, pytester
):
    worsen(release, small)
    suite = str(release.suite)
    pytester.runpytest(suite, "-k", "not semantics").assert_outcomes(passed=6)
    asked = ("-k", "not semantics", "--quality-baseline", str(accepted.parent))
    result = pytester.runpytest(suite, *asked)
    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(["*1 metric falls behind the baseline: 'scores'*"])
