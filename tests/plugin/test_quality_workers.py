import pytest


@pytest.mark.usefixtures("passing")
def test_the_option_reaches_the_run(asked, pytester):
    pytester.runpytest()
    pytester.runpytest("--quality-workers=4")
    pytester.makeini("[pytest]\nquality_workers = 2\n")
    pytester.runpytest()
    pytester.runpytest("--quality-workers=1")
    assert [run.workers for run in asked] == [None, 4, 2, 1]


@pytest.mark.parametrize("workers", ["0", "-1", "many", "1.5"])
def test_no_number_of_workers_is_a_usage_error(pytester, workers):
    result = pytester.runpytest(f"--quality-workers={workers}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*quality_workers is '{workers}'; allowed is *"])
