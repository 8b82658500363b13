import struct
import zipfile

import pytest

from harness.core import archives
from harness.core.archives import open_archive, open_entry, read_entry
from harness.core.errors import ModelLoadError, UnsafeModelError


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", b"text")
        file.writestr("zeros", bytes(1 << 16))
    return path


def test_entries_are_read_up_to_a_limit(archive):
    with open_archive(archive) as opened:
        assert read_entry(opened, "a.txt", 4) == b"text"
        assert read_entry(opened, "a.txt", 3) is None
        assert read_entry(opened, "b.txt", 9) is None


def test_too_many_entries_are_refused(archive, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ENTRIES", 1)
    with (
        pytest.raises(UnsafeModelError, match="2 entries; 1 is"),
        open_archive(archive),
    ):
        pass


def test_a_list_of_entries_is_not_read_beyond_its_bound(archive, monkeypatch):
    """The list is refused by its declared length, before it is in memory."""
    monkeypatch.setattr(archives, "_MAX_DIRECTORY", 90)
    with (
        pytest.raises(UnsafeModelError, match="list of entries takes"),
        open_archive(archive),
    ):
        pass


def test_a_bomb_is_refused_by_what_it_declares(archive):
    """A central directory that tells of 2 GiB in 65 bytes."""
    data = bytearray(archive.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 2 << 30)
    archive.write_bytes(data)
    with (
        pytest.raises(UnsafeModelError, match="decompression bomb"),
        open_archive(archive),
    ):
        pass


def test_an_entry_longer_than_it_declares_is_an_error(archive):
    data = bytearray(archive.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 10)
    archive.write_bytes(data)
    with (
        pytest.raises(ModelLoadError, match="cut short or changed"),
        open_archive(archive) as opened,
    ):
        opened.read("zeros")


def test_overlapping_entries_are_an_error(archive):
    data = bytearray(archive.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)
    archive.write_bytes(data)
    with (
        pytest.raises(ModelLoadError),
        open_archive(archive) as opened,
    ):
        opened.read("zeros")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_that_no_exporter_uses_is_refused(tmp_path, method):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("a", "b")
    with (
        pytest.raises(ModelLoadError, match=f"'a' is packed by method {method}"),
        open_archive(path),
    ):
        pass


def test_an_encrypted_entry_is_an_error(archive):
    data = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    archive.write_bytes(data)
    with (
        pytest.raises(ModelLoadError, match="encrypted"),
        open_archive(archive) as opened,
    ):
        read_entry(opened, "a.txt", 9)


def test_an_archive_cut_anywhere_is_an_error(archive):
    data = archive.read_bytes()
    for length in range(len(data)):
        archive.write_bytes(data[:length])
        with pytest.raises(ModelLoadError), open_archive(archive):
            pass


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_entry_as_a_stream(tmp_path, method):
    """A stream over the entry's own bytes, wherever it is read and in what order."""
    data = bytes(range(256)) * 5
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("before", b"PK")
        file.writestr("a", data)
        file.writestr("after", b"PK")
    with open_archive(path) as opened:
        assert opened.namelist() == ["before", "a", "after"]
        stream = open_entry(path, opened, "a", len(data))
        with stream:
            assert stream.read() == data
            assert (stream.seek(-3, 2), stream.read(9)) == (len(data) - 3, data[-3:])
            assert (stream.seek(700), stream.read(5)) == (700, data[700:705])
            assert (stream.seek(10_000), stream.read(5)) == (10_000, b"")


def test_a_packed_entry_is_unpacked_up_to_a_limit(archive):
    with open_archive(archive) as opened:
        assert open_entry(archive, opened, "zeros", 100) is None
