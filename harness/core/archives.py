"""Zip archives from anywhere: opened only while their bounds hold.

The bounds are on what an archive declares: its reader gives no more than it declares,
and `zipfile` refuses entries that overlap.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from harness.core.errors import ModelLoadError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_ENTRIES = 65_536
# Bytes of the list of entries: what is read before the first entry is known.
_MAX_DIRECTORY = 16 << 20
# Deflate packs at most 1032 to 1. Archives up to the size may pack as they like.
MAX_RATIO = 200
_ANY_RATIO = 1 << 30
# RuntimeError is how zipfile refuses an encrypted entry.
_DAMAGE = (
    *(zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError),
    *(UnicodeDecodeError, struct.error, zlib.error),
)
# Of an entry's own header: where lengths of name and extra bytes stand, and its end.
_LENGTHS_AT, _LOCAL_HEADER = 26, 30
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive, open for reading.

    Raises:
        UnsafeModelError: It has more entries than `MAX_ENTRIES`, or would unpack to
            over 1 GiB that is more than `MAX_RATIO` times its own size.
        ModelLoadError: It is cut short or damaged, also where an entry is read in
            the body of the ``with``.
        OSError: It cannot be read.
    """
    try:
        with (
            path.open("rb") as stream,
            zipfile.ZipFile(cast("BinaryIO", _Bounded(stream, path))) as archive,
        ):
            _refuse_bombs(path, archive)
            yield archive
    except _DAMAGE as error:
        raise ModelLoadError(
            f"{path} is a zip archive that was cut short or changed: {error}",
            hint="copy or export it again",
        ) from error


def read_entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes | None:
    """An entry's bytes; None where it is longer than `limit` or not there."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        return None
    return archive.read(info) if info.file_size <= limit else None


def open_entry(
    path: Path, archive: zipfile.ZipFile, name: str, limit: int
) -> IO[bytes] | None:
    """An entry as a stream that seeks as fast as a file does.

    Args:
        path: Of the archive.
        archive: It, open.
        name: Of an entry that is there.
        limit: The most bytes of a packed entry that are unpacked into memory.

    Returns:
        None where the entry is packed and longer than `limit`.
    """
    info = archive.getinfo(name)
    start = entry_start(path, info)
    if start is None:
        data = read_entry(archive, name, limit)
        return None if data is None else io.BytesIO(data)
    return io.BufferedReader(_Part(path.open("rb"), start, info.file_size))


def entry_start(path: Path, info: zipfile.ZipInfo, base: int = 0) -> int | None:
    """Where the bytes of an entry begin in the archive's file.

    Args:
        path: Of the archive's file.
        info: The entry.
        base: Where the archive itself begins in that file.

    Returns:
        None where the entry is packed.
    """
    if info.compress_type != zipfile.ZIP_STORED:
        return None
    with path.open("rb") as stream:
        # The local header repeats the name and has extra bytes of its own.
        stream.seek(base + info.header_offset + _LENGTHS_AT)
        lengths = stream.read(4)
    if len(lengths) < 4:
        raise zipfile.BadZipFile(f"entry {info.filename!r} is cut short")
    varying: int = sum(struct.unpack("<HH", lengths))
    return base + info.header_offset + _LOCAL_HEADER + varying


class _Part(io.RawIOBase):
    """Some bytes in the middle of a file, as a file."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        self._stream.seek(self._start + self._at)
        left = max(0, self._size - self._at)
        data = self._stream.read(min(len(view), left))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _refuse_bombs(path: Path, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise UnsafeModelError(
            f"{path} is an archive of {len(entries):,} entries; {MAX_ENTRIES:,} is"
            " the most that is read",
            hint="save the model again; no exporter makes so many",
        )
    if odd := [entry for entry in entries if entry.compress_type not in _METHODS]:
        raise zipfile.BadZipFile(
            f"entry {odd[0].filename!r} is packed by method {odd[0].compress_type}"
        )
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if unpacked > _ANY_RATIO and unpacked > MAX_RATIO * packed:
        raise UnsafeModelError(
            f"{path} would unpack to {unpacked:,} bytes from {packed:,}, as a"
            " decompression bomb does",
            hint="do not open it; ask who made it",
        )


class _Bounded:
    """A stream that gives no more in one read than a list of entries may take."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY:
            raise UnsafeModelError(
                f"{self._path} is an archive whose list of entries takes {size:,}"
                f" bytes; {_MAX_DIRECTORY:,} is the most that is read",
                hint="save the model again; no exporter makes so many entries",
            )
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset < 0 and whence == 0:
            raise zipfile.BadZipFile("an entry begins before the start")
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True
