from __future__ import annotations

import stat

import pytest

from harness.core.errors import ReportError
from harness.core.files import replacing, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_utf8_without_newline_games(tmp_path):
    path = tmp_path / "a" / "b" / "report.txt"
    write_text(path, "größer\r\nthan\n")
    assert path.read_bytes() == "größer\r\nthan\n".encode()


def test_readers_see_the_old_file_until_the_block_ends(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with replacing(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["report.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("old", ["old", None])
def test_a_failure_in_the_block_leaves_everything_as_it_was(tmp_path, error, old):
    path = tmp_path / "report.json"
    if old is not None:
        path.write_text(old)
    before = names(tmp_path)

    def fail_halfway():
        with replacing(path) as stream:
            stream.write(b"half of the n")
            raise error

    with pytest.raises(ReportError if error is OSError else error):
        fail_halfway()
    assert names(tmp_path) == before
    if old is not None:
        assert path.read_text() == old


def test_a_full_disk_is_told_with_the_file(tmp_path):
    path = tmp_path / "report.json"
    with pytest.raises(ReportError) as caught, replacing(path):
        raise OSError(28, "No space left on device")
    assert caught.value.message == f"cannot write {path}: No space left on device"


def test_others_may_read_what_is_written(tmp_path):
    path = tmp_path / "report.json"
    write_text(path, "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_folder_in_the_way_is_told(tmp_path):
    with pytest.raises(ReportError, match=r"cannot write .*: Is a directory"):
        write_text(tmp_path, "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"cannot write .*file"):
        write_text(tmp_path / "file" / "below", "x")
    assert names(tmp_path) == ["file"]
