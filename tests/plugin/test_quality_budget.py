import pytest

pytestmark = pytest.mark.usefixtures("passing")


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m", 300), ("90s", 90), ("1h", 3600), ("300", 300)]
)
def test_the_option_reaches_the_run(asked, pytester, text, seconds):
    pytester.runpytest(f"--quality-budget={text}")
    assert [run.budget_seconds for run in asked] == [seconds]


def test_the_option_goes_before_the_ini_key(asked, pytester):
    pytester.runpytest()
    pytester.makeini("[pytest]\nquality_budget = 2m\n")
    pytester.runpytest()
    pytester.runpytest("--quality-budget=10")
    pytester.runpytest("-o", "quality_budget=")
    assert [run.budget_seconds for run in asked] == [None, 120, 10, None]


@pytest.mark.parametrize("text", ["soon", "5 minutes", "-3m", "0", "0s", "m"])
def test_no_time_is_a_usage_error(pytester, text):
    result = pytester.runpytest(f"--quality-budget={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*quality_budget: '{text}' is no*"])
