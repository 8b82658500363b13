"""``harness run --cache`` and ``harness cache``."""

import json
from pathlib import Path

import pytest

from harness.cache import Store, key_of


@pytest.fixture
def kept(tmp_path):
    """A cache with an entry of answers and two of states."""
    store = Store(tmp_path / "kept")
    for kind, size in (("answers", 5_000), ("states", 300), ("states", 200)):
        store.put(key_of(kind, size), bytes(size))
    return store


def spoil(store):
    entry = next(entry for entry in store.entries() if entry.kind == "states")
    entry.path.write_bytes(b"else")


class TestRun:
    def test_what_is_found_is_kept_where_it_is_said(
        self, release, small, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        asked = ("run", release.suite, "--no-diagnose", "--isolation=none")
        first = small.invoke(*asked, "--cache")
        again = small.invoke(*asked, "--cache")
        assert (first.exit_code, again.exit_code) == (0, 0)
        assert "from the cache" not in first.output
        assert "from the cache: everything, as computed at 2" in again.output
        assert again.output.startswith(first.output.rstrip("\n"))
        assert Path(".quality-cache/CACHEDIR.TAG").exists()

    def test_a_variable_names_the_folder_and_an_option_turns_it_off(
        self, release, small, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("QUALITY_CACHE", str(tmp_path / "named"))
        asked = ("run", release.suite, "--no-diagnose", "--isolation=none")
        small.invoke(*asked)
        assert (tmp_path / "named" / "CACHEDIR.TAG").exists()
        off = small.invoke(*asked, "--no-cache")
        assert "from the cache" not in off.output
        assert "from the cache" in small.invoke(*asked).output

    def test_it_holds_no_more_than_it_may(self, release, small, tmp_path):
        asked = ("run", release.suite, "--no-diagnose", "--isolation=none")
        folder = tmp_path / "small"
        small.invoke(*asked, f"--cache={folder}", "--cache-size=20kB")
        assert sum(entry.size for entry in Store(folder).entries()) < 20_000

    @pytest.mark.parametrize("size", ["much", "10XB", "-1"])
    def test_no_size_is_a_usage_error(self, release, small, size):
        result = small.invoke("run", release.suite, "--cache-size", size)
        assert result.exit_code == 2
        assert "is not a size like" in result.output

    def test_a_folder_that_cannot_be_written_is_told_and_fails_nothing(
        self, release, small, tmp_path
    ):
        (tmp_path / "taken").mkdir()
        (tmp_path / "taken" / "unfinished").write_text("a file")
        asked = ("run", release.suite, "--no-diagnose", "--isolation=none")
        result = small.invoke(*asked, f"--cache={tmp_path / 'taken'}")
        assert result.exit_code == 0
        assert "The cache cannot be written" in result.output


class TestStats:
    def test_kinds_are_counted_and_weighed(self, kept, small):
        result = small.invoke("cache", "stats", kept.folder)
        assert result.exit_code == 0
        head, answers, states = result.output.splitlines()
        assert head == f"{kept.folder}: 3 entries, 5.61 kB"
        assert answers.split()[:4] == ["answers", "1", "5.04", "kB"]
        assert states.split()[:4] == ["states", "2", "576", "B"]

    def test_as_json(self, kept, small):
        found = json.loads(small.invoke("cache", "stats", kept.folder, "--json").output)
        assert found["entries"] == 3
        assert found["kinds"]["states"] == {"entries": 2, "bytes": 576}


class TestPrune:
    def test_answers_go_first(self, kept, small):
        result = small.invoke("cache", "prune", kept.folder, "--max-size=1kB")
        assert result.output == f"{kept.folder}: 1 entries removed, 5.04 kB\n"
        assert {entry.kind for entry in kept.entries()} == {"states"}

    def test_by_age(self, kept, small):
        asked = ("cache", "prune", kept.folder, "--json", "--older-than")
        assert json.loads(small.invoke(*asked, "1h").output)["removed"] == 0
        assert json.loads(small.invoke(*asked, "0s").output)["removed"] == 3

    def test_what_is_within_its_limit_stays(self, kept, small):
        result = small.invoke("cache", "prune", kept.folder)
        assert "0 entries removed" in result.output


class TestVerify:
    def test_a_sound_cache(self, kept, small):
        result = small.invoke("cache", "verify", kept.folder)
        assert (result.exit_code, len(result.output.splitlines())) == (0, 1)
        assert "3 entries sound, 0 damaged" in result.output

    def test_what_is_damaged_is_removed_and_told_by_the_exit_code(self, kept, small):
        spoil(kept)
        result = small.invoke("cache", "verify", kept.folder)
        assert result.exit_code == 1
        assert "2 entries sound, 1 damaged" in result.output
        assert "removed: states" in result.output
        assert small.invoke("cache", "verify", kept.folder).exit_code == 0

    def test_as_json(self, kept, small):
        spoil(kept)
        result = small.invoke("cache", "verify", kept.folder, "--json")
        (damaged,) = json.loads(result.output)["damaged"]
        assert damaged.startswith("states-")


@pytest.mark.parametrize("command", ["stats", "prune", "verify"])
def test_another_folder_is_left_alone(small, tmp_path, command):
    (tmp_path / "entries").mkdir()
    (tmp_path / "entries" / "mine").write_text("mine")
    result = small.invoke("cache", command, tmp_path)
    assert result.exit_code == 2
    assert "is no cache of ours" in result.output
    assert (tmp_path / "entries" / "mine").exists()
