from __future__ import annotations

import hashlib
import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import provenance
from harness.core.provenance import (
    digest_of,
    environment,
    git_commit,
    package_versions,
    place_in_checkout,
    sha256_of,
    size_of,
)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 3])
def test_a_file_has_the_digest_of_its_bytes(tmp_path, size):
    content = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "m").write_bytes(content[:size])
    assert sha256_of(tmp_path / "m") == hashlib.sha256(content[:size]).hexdigest()
    assert size_of(tmp_path / "m") == size


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "saved_model"
    (root / "variables").mkdir(parents=True)
    (root / "saved_model.pb").write_bytes(b"graph")
    (root / "variables" / "data").write_bytes(b"weights")
    return root


def test_a_folder_has_one_digest_wherever_it_lies(folder, tmp_path):
    before = sha256_of(folder)
    assert size_of(folder) == len(b"graph") + len(b"weights")
    assert sha256_of(folder.rename(tmp_path / "moved")) == before


@pytest.mark.parametrize("change", ["content", "name", "added", "swapped"])
def test_the_digest_of_a_folder_changes_with_anything_in_it(folder, change):
    before = sha256_of(folder)
    graph, data = folder / "saved_model.pb", folder / "variables" / "data"
    if change == "content":
        data.write_bytes(b"Weights")
    elif change == "name":
        graph.rename(folder / "renamed.pb")
    elif change == "added":
        (folder / "empty").write_bytes(b"")
    else:
        graph.write_bytes(b"weights")
        data.write_bytes(b"graph")
    assert sha256_of(folder) != before


@pytest.mark.parametrize("ask", [sha256_of, size_of])
def test_what_is_missing_has_no_digest_and_no_size(tmp_path, ask):
    with pytest.raises(FileNotFoundError):
        ask(tmp_path / "missing")


@given(st.dictionaries(st.text(), st.integers() | st.none() | st.text()))
def test_a_value_has_one_digest_whatever_the_order_of_its_keys(value):
    backwards = dict(reversed(value.items()))
    assert digest_of(value) == digest_of(backwards)
    assert digest_of(value) != digest_of({"wrapped": value})


def test_the_environment_can_go_into_a_report(tmp_path):
    found = environment(tmp_path)
    assert json.loads(json.dumps(found)) == found
    assert found["packages"]["numpy"] == version("numpy")
    assert found["git_commit"] is None  # a folder outside any checkout


def test_packages_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr(provenance, "_PACKAGES", ("numpy", "no-such-runtime"))
    assert package_versions() == {"numpy": version("numpy")}


def test_cpu_features_are_sorted_and_among_those_that_change_numbers(monkeypatch):
    text = "processor : 0\nflags : fpu avx2 fma avx512_vnni\nflags : sse4_1\n"
    monkeypatch.setattr(provenance.Path, "read_text", lambda *_, **__: text)
    assert provenance.cpu_flags() == ["avx2", "avx512_vnni", "fma"]


def test_a_system_that_hides_its_cpu_has_no_features(monkeypatch):
    def hidden(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(provenance.Path, "read_text", hidden)
    assert provenance.cpu_flags() == []


@pytest.fixture
def checkout(tmp_path):
    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    (tmp_path / "quality.toml").write_text("")
    git("add", ".")
    git("commit", "-qm", "one")
    return tmp_path, git("rev-parse", "HEAD").strip()


def test_a_checkout_has_a_commit(checkout):
    folder, commit = checkout
    assert git_commit(folder) == commit
    (folder / "quality.toml").write_text("edited")
    assert git_commit(folder) == f"{commit}+dirty"


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit(checkout[0]) is None


def test_a_file_lies_where_its_checkout_says(tmp_path, monkeypatch):
    file = tmp_path / "work" / "golden" / "digits" / "quality.toml"
    file.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert place_in_checkout(file) == "work/golden/digits/quality.toml"
    monkeypatch.chdir(file.parent)
    assert place_in_checkout(Path("quality.toml")) == "quality.toml"
    # A worktree has a file of that name, a checkout a folder.
    (tmp_path / "work" / ".git").write_text("gitdir: elsewhere")
    assert place_in_checkout(Path("quality.toml")) == "golden/digits/quality.toml"


def test_a_file_outside_of_all_goes_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert place_in_checkout(tmp_path / "there" / "quality.toml") == "quality.toml"
