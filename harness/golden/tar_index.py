"""Samples of a tar shard: files that follow each other and share a name to the dot.

This is WebDataset's form. Nothing is unpacked to disk, so that names are names only;
what is no plain file is refused all the same, since nobody who writes samples packs it.
"""

from __future__ import annotations

import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from harness.core.errors import GoldenError, MissingGoldenError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HINT = "the file was cut short or changed; restore it, or write it again"
_MAX_MEMBER = 1 << 30
# Long names and pax headers are read whole by whoever reads tar.
_MAX_HEADER = 1 << 20
_BROKEN = (
    tarfile.TarError,
    OSError,
    ValueError,
    OverflowError,
    EOFError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a sample.

    Attributes:
        kind: What its name says behind the first dot: "jpg", "left.npy".
        start: Where its bytes lie in the shard.
        size: How many.
    """

    kind: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Packed:
    """One sample of a shard.

    Attributes:
        key: Its files' common name, with the folder.
        start: Where its first header lies in the shard.
        members: Its files, in their order.
    """

    key: str
    start: int
    members: tuple[Member, ...]


def packed_samples(path: Path, start: int = 0) -> Iterator[Packed]:
    """The samples of a shard, in its order; only headers are read.

    Args:
        path: An uncompressed tar file.
        start: Where the header of a sample lies; the first by default.

    Raises:
        MissingGoldenError: It does not exist.
        GoldenError: It is damaged or no tar file, or holds what is no plain file, a
            name that leaves it, or a sample's file twice.
    """
    key, first, members = "", start, dict[str, Member]()
    for at, name, member in _members(path, start):
        if name != key and members:
            yield Packed(key, first, tuple(members.values()))
            members = {}
        if not members:
            key, first = name, at
        if member.kind in members:
            raise GoldenError(
                f"{path}: sample {name!r} has two files .{member.kind}",
                hint="give every sample a name of its own",
            )
        members[member.kind] = member
    if members:
        yield Packed(key, first, tuple(members.values()))


def _members(path: Path, start: int) -> Iterator[tuple[int, str, Member]]:
    """Where each file's header lies, its sample's key, and the file."""
    if not path.is_file():
        raise MissingGoldenError(
            f"{path} does not exist", hint="check the path, or create the data"
        )
    with _reading(path), path.open("rb") as stream:
        length = stream.seek(0, 2)
        stream.seek(start)
        with _Archive(fileobj=cast("IO[bytes]", _Careful(stream))) as archive:
            at = start
            while (info := archive.next()) is not None:
                # tarfile keeps all that it has seen.
                archive.members = []
                found = _checked(path, info, length)
                if found is not None:
                    yield at, *found
                at = archive.offset
        # tarfile takes a header that it cannot read for the end of the file.
        stream.seek(at)
        end = stream.read(tarfile.BLOCKSIZE)
    if len(end) < tarfile.BLOCKSIZE or any(end):
        raise GoldenError(f"{path} has no end, or a damaged header", hint=_HINT)


def _checked(
    path: Path, info: tarfile.TarInfo, length: int
) -> tuple[str, Member] | None:
    """Key and file; None for folders, and for what writers note beside samples.

    Raises:
        GoldenError: It is no plain file, its name leaves the archive, or it is larger
            than it may be, or than the file.
    """
    # No path objects: this is done for every file of every sample.
    *folders, base = info.name.split("/")
    if info.name.startswith("/") or ".." in (base, *folders):
        raise GoldenError(
            f"{path}: member {info.name!r} lies outside of the archive",
            hint="do not trust this source",
        )
    if info.isdir():
        return None
    if not info.isreg() or info.issparse():
        raise GoldenError(
            f"{path}: member {info.name!r} is no plain file but of type"
            f" {info.type.decode('ascii', 'replace')!r}",
            hint="pack files, not links or devices: tar --hard-dereference -h",
        )
    if info.size > _MAX_MEMBER or info.offset_data + info.size > length:
        raise GoldenError(
            f"{path}: member {info.name!r} promises {info.size:,} bytes; the file has"
            f" {max(0, length - info.offset_data):,} more, and {_MAX_MEMBER:,} are"
            " allowed",
            hint=_HINT,
        )
    stem, dot, kind = base.partition(".")
    if not stem or not dot or base.startswith("__"):
        return None
    home = [folder for folder in folders if folder not in ("", ".")]
    return "/".join((*home, stem)), Member(kind, info.offset_data, info.size)


class _Archive(tarfile.TarFile):
    # The list is there, and the annotations that we check with do not know it.
    members: list[tarfile.TarInfo]


class _Careful:
    """A stream that is asked for headers only, and for none without bounds."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER:
            raise ValueError(f"a header of {size:,} bytes")
        return self._stream.read(size)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever tarfile says of damaged bytes, in our words."""
    try:
        yield
    except _BROKEN as error:
        raise GoldenError(f"{path} cannot be read ({error})", hint=_HINT) from error
