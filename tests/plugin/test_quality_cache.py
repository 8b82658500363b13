"""The folder that keeps what is found from run to run."""

import pytest

pytestmark = pytest.mark.usefixtures("passing")


def kept(runs):
    """What each run was asked to keep, and where."""
    return [(run.cache, run.cache_bytes) for run in runs]


def test_nothing_is_kept_unless_asked_for(asked, pytester):
    pytester.runpytest()
    assert kept(asked) == [(None, None)]


def test_the_usual_folder_lies_in_the_root(asked, pytester, monkeypatch):
    monkeypatch.chdir(pytester.path / "golden")
    pytester.runpytest("--quality-cache", f"--rootdir={pytester.path}")
    assert kept(asked) == [(pytester.path / ".quality-cache", None)]


def test_a_folder_is_named_from_where_the_user_stands(asked, pytester, monkeypatch):
    monkeypatch.chdir(pytester.path / "golden")
    pytester.runpytest("--quality-cache=here", f"--rootdir={pytester.path}")
    assert kept(asked) == [(pytester.path / "golden" / "here", None)]


def test_the_ini_key_names_it_from_the_root_and_says_its_size(
    asked, pytester, monkeypatch
):
    ini = "[pytest]\nquality_cache = kept\nquality_cache_size = 2GB\n"
    pytester.makeini(ini)
    monkeypatch.chdir(pytester.path / "golden")
    pytester.runpytest()
    pytester.runpytest("--quality-cache")
    assert kept(asked) == [(pytester.path / "kept", 2 * 10**9)] * 2


def test_the_ini_key_can_be_turned_off(asked, pytester):
    pytester.makeini("[pytest]\nquality_cache = kept\n")
    pytester.runpytest("-o", "quality_cache=")
    assert kept(asked) == [(None, None)]


def test_no_size_is_a_usage_error(pytester):
    pytester.makeini("[pytest]\nquality_cache_size = large\n")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*quality_cache_size: 'large' is not a size like *"])
