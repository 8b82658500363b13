"""What is read off files is read again when they have changed, and not before."""

import os
import time

import pytest

from harness.cache import Files, Store
from harness.core.provenance import sha256_of
from harness.core.remembered import remembering

OLD = 10 * 10**9


@pytest.fixture
def files(tmp_path):
    return Files(Store(tmp_path / "cache"))


@pytest.fixture
def clock(monkeypatch):
    """The clock of the machine, ahead of the files' by so many ns."""
    now = time.time_ns

    def ahead(by):
        monkeypatch.setattr(time, "time_ns", lambda: now() + by)

    return ahead


class Reads:
    """Counts how often a file is read."""

    def __init__(self, files, path):
        self._files, self._path = files, path
        self.count = 0

    def __call__(self, what="text"):
        return self._files.told(what, self._path, self._read)

    def _read(self):
        self.count += 1
        path = self._path
        found = path.rglob("*") if path.is_dir() else [path]
        return "".join(p.read_text() for p in sorted(found) if p.is_file())


@pytest.fixture
def reads(files, tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    return Reads(files, path)


def test_a_file_that_stays_as_it_is_is_read_once(reads, clock):
    clock(OLD)
    assert [reads(), reads(), reads()] == ["one"] * 3
    assert reads.count == 1
    assert reads("another thing") == "one"
    assert reads.count == 2


def test_a_file_that_was_just_changed_is_read_until_its_clock_has_moved_on(
    reads, clock
):
    assert [reads(), reads()] == ["one", "one"]
    assert reads.count == 2
    clock(OLD)
    assert [reads(), reads()] == ["one", "one"]
    assert reads.count == 3


def test_another_content_of_the_same_size_and_time_is_seen(reads, clock, tmp_path):
    """A copy that keeps times, say: the number of the file and its ctime differ."""
    clock(OLD)
    reads()
    path = tmp_path / "file"
    before = path.stat()
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert reads() == "two"


def test_a_file_written_in_place_with_its_old_time_is_seen(reads, clock, tmp_path):
    clock(OLD)
    reads()
    path = tmp_path / "file"
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert reads() == "two"


def test_a_file_that_changes_while_it_is_read_is_not_remembered(files, clock, tmp_path):
    clock(OLD)
    path = tmp_path / "file"
    path.write_text("one")

    def read():
        text = path.read_text()
        path.write_text("longer")
        return text

    assert files.told("text", path, read) == "one"
    assert files.told("text", path, path.read_text) == "longer"


def test_a_folder_is_read_again_when_anything_in_it_changed(files, clock, tmp_path):
    clock(OLD)
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").write_text("a")
    reads = Reads(files, folder)
    assert [reads(), reads()] == ["a", "a"]
    assert reads.count == 1
    (folder / "deep" / "b").write_text("b")
    assert reads() == "ab"
    (folder / "deep" / "a").unlink()
    assert reads() == "b"
    assert reads.count == 3


def test_links_in_a_folder_are_no_way_out_of_it(files, clock, tmp_path):
    clock(OLD)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    (folder / "a").write_text("a")
    assert files.told("text", folder, lambda: "read") == "read"
    assert files.told("text", folder, lambda: "again") == "read"


def test_what_is_not_there_is_left_to_who_reads_it(files, tmp_path):
    with pytest.raises(FileNotFoundError):
        files.told("text", tmp_path / "none", (tmp_path / "none").read_text)


def test_digests_are_remembered_where_somebody_remembers(files, clock, tmp_path):
    clock(OLD)
    path = tmp_path / "file"
    path.write_text("one")
    plain = sha256_of(path)
    with remembering(files):
        assert sha256_of(path) == plain
        path.chmod(0o200)
        path.chmod(0o644)  # changes its ctime: read again, and found the same
        assert sha256_of(path) == plain
    with remembering(None):
        assert sha256_of(path) == plain
