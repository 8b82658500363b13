"""`quality.toml::waivers`: one item of suites that have waivers."""

import pytest

WAIVER = """\
[[waiver]]
variant = "int8"
check = "accuracy"
why = "retrained next week"
who = "Ann"
until = {until}
"""


@pytest.fixture
def waived(project, pytester):
    """An inner project whose scripted report has the waivers of its file."""

    def write(*untils, **answers):
        path = project(project.variant("int8", accuracy="passed", **answers))
        text = "\n".join(WAIVER.format(until=until) for until in untils)
        path.with_name("waivers.toml").write_text(text, encoding="utf-8")

    return write


def test_it_is_collected_where_there_are_waivers(waived, project, pytester):
    waived("2999-12-31")
    project(project.variant("int8", accuracy="passed"), folder="plain", name="plain")
    result = pytester.runpytest("--collect-only", "-q")
    lines = [line for line in result.outlines if "::waivers" in line]
    assert lines == ["golden/quality.toml::waivers"]


def test_it_passes_where_every_waiver_is_used(waived, pytester):
    waived("2999-12-31")
    pytester.runpytest().assert_outcomes(passed=2)


def test_it_fails_at_the_line_of_one_that_has_expired(waived, pytester):
    waived("2999-12-31", "2020-01-31")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "waivers.toml: int8 accuracy expired on 2020-01-31 (line 8, Ann: *week)*",
            "1 passed; 1 waiver expired",
            "FAILED golden/quality.toml::waivers - waivers.toml: int8 accuracy*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_it_alone_evaluates_the_whole_suite(waived, pytester):
    waived("2020-01-31")
    result = pytester.runpytest("-k", "waivers")
    result.assert_outcomes(failed=1, deselected=1)
    log = (pytester.path / "golden" / "evaluations.log").read_text(encoding="utf-8")
    assert log.split() == ["digits"]


def test_a_waived_check_passes_and_junit_says_who_waives_it(waived, pytester):
    waived("2999-12-31")
    pytester.runpytest("--junitxml", "results.xml").assert_outcomes(passed=2)
    text = (pytester.path / "results.xml").read_text(encoding="utf-8")
    assert 'name="quality_waived" value="retrained next week (Ann' in text
