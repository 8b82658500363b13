import pytest

REASON = "it needs ai_edge_litert, not installed\nHint: pip install 'mqh[litert]'"


@pytest.fixture
def lacking(project):
    said = {"status": "skipped", "reason": REASON, "accuracy": "passed"}
    return project(project.variant("tflite", "converted", **said))


def test_by_default_it_is_skipped_with_the_command_that_installs_it(lacking, pytester):
    result = pytester.runpytest("-rs")
    result.assert_outcomes(skipped=1)
    reason = "tflite not run: it needs ai_edge_litert, not installed; pip install *"
    result.stdout.fnmatch_lines([f"SKIPPED [[]1] golden/quality.toml:15: {reason}"])


@pytest.mark.usefixtures("lacking")
def test_the_option_reaches_the_run(asked, pytester):
    pytester.runpytest()
    pytester.runpytest("--quality-missing=fail")
    pytester.makeini("[pytest]\nquality_missing = fail\n")
    pytester.runpytest()
    pytester.runpytest("--quality-missing=skip")
    assert [run.missing for run in asked] == ["skip", "fail", "fail", "skip"]


def test_another_word_is_a_usage_error(pytester):
    result = pytester.runpytest("--quality-missing=maybe")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    pytester.makeini("[pytest]\nquality_missing = maybe\n")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*quality_missing is 'maybe'; allowed is skip or fail"]
    )
