"""How far a suite's evaluation is: on a terminal alone, where it takes long."""

import sys

import pytest
from terminals import seen_on_a_terminal

SLOWLY = """
import time
answer = scripted.evaluate

def evaluate(suite, options=None, progress=None):
    if progress is not None:
        for done in (0, 120, 240, 360):
            time.sleep({seconds})
            progress(done, 360)
        progress.stage("looking for causes in int8")
    return answer(suite, options)

scripted.evaluate = evaluate
"""


@pytest.fixture
def slow(project, pytester):
    """A suite whose evaluation takes four times so many seconds."""

    def write(seconds):
        project(project.variant(accuracy="passed", outputs_close="passed"))
        with (pytester.path / "conftest.py").open("a") as conftest:
            conftest.write(SLOWLY.format(seconds=seconds))

    return write


def on_a_terminal(folder, *arguments, **environment):
    """What pytest writes to a terminal of 80 columns."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    around = {"TERM": "xterm", "COLUMNS": "80", **environment}
    streams = "stdin", "stdout", "stderr"
    told, _, code = seen_on_a_terminal(command, folder, around, *streams)
    assert code == 0
    return told


def test_a_terminal_sees_counts_and_the_time_left(slow, pytester):
    slow(0.3)
    text = on_a_terminal(pytester.path)
    assert "digits: golden samples  [########--" in text
    assert " 33 %  120 of 360, 0:01 left" in text
    assert "looking for causes in int8" in text
    assert "digits: evaluated in 1." in text
    last = text.partition("evaluated in")[2].splitlines()[1]
    assert last.startswith("golden/quality.toml ")


def test_a_name_an_item_stays_with_v(slow, pytester):
    slow(0.3)
    text = on_a_terminal(pytester.path, "-v", "--color=no")
    after = text.partition("evaluated in")[2]
    assert "golden/quality.toml::int8::outputs_close PASSED" in after
    assert "golden/quality.toml::int8::accuracy PASSED" in after


@pytest.mark.parametrize(
    ("seconds", "arguments", "environment"),
    [
        (0.01, (), {}),
        (0.3, ("-q",), {}),
        (0.3, (), {"TERM": "dumb"}),
    ],
)
def test_nothing_is_said_of_short_runs_nor_where_nobody_watches(
    slow, pytester, seconds, arguments, environment
):
    slow(seconds)
    text = on_a_terminal(pytester.path, *arguments, **environment)
    assert "golden samples  [" not in text
    assert "evaluated in" not in text


def test_a_pipe_is_left_in_peace(slow, pytester):
    slow(0.3)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=2)
    assert "golden samples  [" not in str(result.stdout) + str(result.stderr)
