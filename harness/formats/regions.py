"""Bytes of a tensor inside of a file: mapped when asked for, and never kept."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.lib.stride_tricks import as_strided

from harness.core.archives import entry_start, open_archive, read_entry
from harness.formats.malformed import Malformed

if TYPE_CHECKING:
    import zipfile
    from pathlib import Path

    from harness.core.protocols import Array

# What a packed entry may unpack to in memory; the tools that write models pack none.
_MAX_PACKED = 4 << 30
# Elements that a tensor may repeat out of fewer stored ones.
_MAX_REPEATED = 1 << 24
_PIECE = 1 << 24


@dataclass(slots=True, eq=False)
class Region:
    """A piece of a file, or an entry of an archive.

    Attributes:
        path: The file.
        start: Where it begins; 0 for a packed entry.
        length: Bytes.
        entry: Name of the entry where it is packed, "" otherwise.
        crc: What the archive recorded of it; None where nothing was.
        skip: Bytes of it before its numbers.
    """

    path: Path
    start: int
    length: int
    entry: str = ""
    crc: int | None = None
    skip: int = 0

    def strided(
        self,
        dtype: np.dtype[Any],
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> Array:
        """A view of its numbers.

        Args:
            dtype: What is stored.
            offset: Elements before the first one.
            shape: Of the view.
            strides: In elements, one an axis.

        Raises:
            Malformed: The view reaches beyond the region, or what is there is not
                what the archive recorded.
            ModelLoadError: The archive is damaged.
            OSError: The file cannot be read.
        """
        self.check(dtype, offset, shape, strides)
        self._verify()
        whole = self._elements(dtype, offset, _reach(shape, strides))
        size = dtype.itemsize
        return as_strided(whole, shape, [n * size for n in strides], writeable=False)

    def check(
        self,
        dtype: np.dtype[Any],
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> None:
        """See that a view stays inside; arguments as for `strided`.

        Raises:
            Malformed: It does not, or repeats few numbers beyond all measure.
        """
        if len(shape) != len(strides) or min((*shape, *strides, offset), default=0) < 0:
            raise Malformed(f"has shape {list(shape)} and strides {list(strides)}")
        held = (self.length - self.skip) // dtype.itemsize
        if offset + _reach(shape, strides) > held:
            raise Malformed(
                f"of shape {list(shape)} and type {dtype.name} needs"
                f" {(offset + _reach(shape, strides)) * dtype.itemsize:,} bytes;"
                f" there are {self.length - self.skip:,}"
            )
        if math.prod(shape) > max(held, _MAX_REPEATED):
            raise Malformed(
                f"of shape {list(shape)} repeats {held:,} numbers beyond all measure"
            )

    def _elements(self, dtype: np.dtype[Any], offset: int, count: int) -> Array:
        skipped = self.skip + offset * dtype.itemsize
        if self.entry:
            data = self._unpacked()
            return np.frombuffer(data, dtype, count, skipped)
        try:
            at = self.start + skipped
            return np.memmap(self.path, dtype, "r", at, (count,))
        except ValueError as error:
            raise Malformed(f"cannot be mapped: {error}") from error

    def _unpacked(self) -> bytes:
        with open_archive(self.path) as archive:
            data = read_entry(archive, self.entry, _MAX_PACKED)
        if data is None or len(data) != self.length:
            raise Malformed(f"is packed in an entry of more than {_MAX_PACKED:,} bytes")
        return data

    def _verify(self) -> None:
        """Checked once: the bytes of a mapped entry, which zipfile has not seen."""
        if self.crc is None or self.entry or not self.length:
            return
        found, left = 0, self.length
        with self.path.open("rb") as stream:
            stream.seek(self.start)
            while left and (piece := stream.read(min(left, _PIECE))):
                found, left = zlib.crc32(piece, found), left - len(piece)
        if left or found != self.crc:
            raise Malformed(
                "is damaged: its bytes have not the checksum that the archive recorded"
            )
        self.crc = None


def entry_region(
    path: Path, archive: zipfile.ZipFile, name: str, base: int = 0
) -> Region:
    """Where an entry's bytes lie.

    Args:
        path: Of the archive.
        archive: It, open.
        name: Of an entry that is there.
        base: Where the archive begins in its file, if it is an entry of another.

    Raises:
        Malformed: It reaches beyond the file's end.
        OSError: The file cannot be read.
    """
    info = archive.getinfo(name)
    start = entry_start(path, info, base)
    if start is None and base:
        raise Malformed(f"its entry {name!r} is packed twice")
    if start is None:
        return Region(path, 0, info.file_size, entry=name)
    if start + info.file_size > path.stat().st_size:
        raise Malformed(f"its entry {name!r} is cut short")
    # Tools that were told to leave checksums out record 0.
    return Region(path, start, info.file_size, crc=info.CRC or None)


def _reach(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """Elements from the first to the last one, both counted."""
    steps = ((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    return cast("int", sum(steps)) + 1


def contiguous(shape: tuple[int, ...], *, fortran: bool = False) -> tuple[int, ...]:
    """Strides, in elements, of numbers that lie without gaps.

    Args:
        shape: Of the array.
        fortran: Whether the first axis runs fastest, not the last.
    """
    axes = range(len(shape))
    if fortran:
        return tuple(math.prod(shape[:axis]) for axis in axes)
    return tuple(math.prod(shape[axis + 1 :]) for axis in axes)
