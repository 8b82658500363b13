"""The rule of the repository's conftest.py: in CI, nothing is left out unseen."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"
TESTS = """
import pytest

def test_kept():
    pass

def test_left_out():
    pytest.skip("no such runtime")

@pytest.mark.skip(reason="not today")
def test_marked():
    pass

@pytest.mark.xfail(strict=True)
def test_expected():
    assert False
"""


@pytest.fixture
def inner(pytester):
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(test_some=TESTS)
    return pytester


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_a_skip_is_a_failure_in_ci(inner, monkeypatch, value):
    monkeypatch.setenv("CI", value)
    result = inner.runpytest()
    result.assert_outcomes(passed=1, failed=1, errors=1, xfailed=1)
    result.stdout.fnmatch_lines(["*in CI a skip is a failure*no such runtime*"])
    result.stdout.fnmatch_lines(["*in CI a skip is a failure*not today*"])


def test_a_module_that_skips_itself_is_an_error_in_ci(inner, monkeypatch):
    monkeypatch.setenv("CI", "true")
    inner.makepyfile(test_some="import pytest\npytest.importorskip('no_such_module')")
    result = inner.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*in CI a skip is a failure*no_such_module*"])


@pytest.mark.parametrize("value", [None, "", "0", "false", "False"])
def test_elsewhere_a_skip_is_a_skip(inner, monkeypatch, value):
    monkeypatch.delenv("CI", raising=False)
    if value is not None:
        monkeypatch.setenv("CI", value)
    result = inner.runpytest()
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)


def test_xdist_workers_keep_the_rule(inner, monkeypatch):
    monkeypatch.setenv("CI", "1")
    result = inner.runpytest_subprocess("-n", "1")
    result.assert_outcomes(passed=1, failed=1, errors=1, xfailed=1)
