"""Waivers through the whole run: what they excuse, and when they fail it."""

from datetime import date
from xml.etree import ElementTree as ET

import pytest

import harness
from harness.core.errors import QualityRegression
from harness.core.specs import RunOptions
from harness.report.html import render_html
from harness.report.states import headline
from harness.report.terminal import render_terminal

TODAY = RunOptions(today=date(2030, 6, 15))


def entry(check, until="2030-06-15", why="retrained next week"):
    return (
        f'[[waiver]]\nvariant = "candidate"\ncheck = "{check}"\nwhy = "{why}"\n'
        f'who = "Ann"\nuntil = {until}\n'
    )


@pytest.fixture
def waived(release, small):
    """A release whose candidate answers a little otherwise, with waivers."""
    release.edit('reference = "reference"', 'reference = "reference"\nisolation="none"')
    release.model("candidate.onnx", small.classifier(small.weights() * 1.02))

    def write(*entries):
        text = "\n".join(entries)
        (release.folder / "waivers.toml").write_text(text, encoding="utf-8")
        return release

    return write


def failing(release, **options):
    report = harness.evaluate(release.suite, RunOptions(**options))
    return [c.name for c in report.variant("candidate").checks if c.status == "failed"]


@pytest.fixture
def covered(waived):
    """Every failure is waived up to and including today."""
    release = waived("")
    (release.folder / "waivers.toml").unlink()
    names = failing(release)
    assert "outputs_close" in names
    return waived(*map(entry, names))


def test_a_covered_failure_passes_and_is_told_everywhere(covered):
    report = harness.evaluate(covered.suite, TODAY)
    assert report.verdict == "passed"
    assert {use.state for use in report.waivers} == {"used"}
    assert str(headline(report)) == "Releasable: the only candidate passed."
    told = "waived candidate: retrained next week (Ann, until 2030-06-15)"
    assert told in render_terminal(report, colour=False)
    page = render_html(report)
    assert "by a waiver." in page
    assert "Waived: Retrained next week (Ann, until 2030-06-15)." in page
    assert '<td class="waived">' in page


def test_the_day_after_its_last_it_fails_the_run(covered):
    report = harness.evaluate(covered.suite, RunOptions(today=date(2030, 6, 16)))
    assert report.verdict == "failed"
    assert {use.state for use in report.waivers} == {"expired"}
    assert report.variant("candidate").verdict == "failed"


def test_one_that_nothing_needs_fails_a_run_in_which_all_passed(release):
    (release.folder / "waivers.toml").write_text(entry("accuracy"), encoding="utf-8")
    report = harness.evaluate(release.suite, TODAY)
    assert report.variant("candidate").verdict == "passed"
    assert report.verdict == "failed"
    expected = "Not releasable: the only candidate passed, but 1 waiver unused."
    assert str(headline(report)) == expected
    with pytest.raises(QualityRegression, match="candidate accuracy is unused"):
        harness.raise_for_status(report)


def test_the_command_line_fails_and_every_file_says_why(release):
    (release.folder / "waivers.toml").write_text(
        entry("accuracy", "2020-01-31"), encoding="utf-8"
    )
    result = release.run()
    assert result.exit_code == 1
    assert "FAILED waiver: candidate accuracy expired on 2020-01-31" in result.output
    assert result.output.count("1 passed; 1 waiver expired") == 1
    assert "FAILED waiver" in (release.out / "report.md").read_text("utf-8")
    tree = ET.parse(release.out / "report.xml")
    (failure,) = tree.findall(".//testcase/failure")
    assert "(line 1, Ann: retrained next week)" in failure.get("message")
    failures = [int(suite.get("failures")) for suite in tree.iter("testsuite")]
    assert sum(failures) == 1


def test_candidates_that_are_not_run_need_no_waiver_yet(release):
    text = release.suite.read_text()
    more = '[[variant]]\nname = "other"\nkind = "frozen"\npath = "candidate.onnx"\n'
    release.write(text + more)
    (release.folder / "waivers.toml").write_text(entry("accuracy"), encoding="utf-8")
    only = RunOptions(only=("other",), today=TODAY.today)
    report = harness.evaluate(release.suite, only)
    assert report.verdict == "passed"
    assert [use.state for use in report.waivers] == ["not judged"]
