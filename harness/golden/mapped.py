"""Arrays that lie in a file as they are: mapped, a block of rows at a time.

A block's pages are shared with whoever else reads the file, and go with the block:
memory holds what is in use, however large the file. Numbers that do not begin at a
multiple of their size, as most in an archive, are read into memory instead.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import GoldenError

if TYPE_CHECKING:
    import zipfile
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.golden.npz import ArrayHeader

# Local file header: 26 bytes, then the lengths of name and extra field (APPNOTE 4.3.7).
_LOCAL = struct.Struct("<4s22xHH")
_SIGNATURE = b"PK\x03\x04"
_HINT = "the file was cut short or changed; restore it, or write it again"


class MappedRows:
    """Rows of one array, mapped where they lie; read in order, any may be passed over.

    Args:
        path: The file.
        start: Where the array's first byte lies in it.
        header: What the array says of itself.
        where: What messages call it.
        crc: Of the whole member, checked where all of it is read; None where there
            is none to check. Counted from the first byte of the member.
        lead: Bytes of the member in front of the array.
    """

    def __init__(
        self,
        path: Path,
        start: int,
        header: ArrayHeader,
        where: str,
        crc: int | None = None,
        lead: bytes = b"",
    ) -> None:
        self.header = header
        self._path, self._start, self._where = path, start, where
        self._row = 0
        self._left = header.shape[0] if header.shape else 1
        self._crc = crc
        self._seen = zlib.crc32(lead)

    def read(self, rows: int) -> Array:
        """The next `rows` rows; writing to them leaves the file as it is.

        Raises:
            GoldenError: The file ends early or its bytes are damaged.
        """
        array = self._next((rows, *self.header.shape[1:]))
        self._row += rows
        self._left -= rows
        if self._crc is not None:
            self._check(array)
        return array

    def skip(self, rows: int) -> None:
        """Leave out that many rows."""
        self._row += rows
        self._left -= rows
        # Of a part there is no checksum.
        self._crc = self._crc if rows == 0 else None

    def close(self) -> None:
        """Nothing is open between two reads."""

    def _next(self, shape: tuple[int, ...]) -> Array:
        dtype, count = self.header.dtype, math.prod(shape)
        size = count * dtype.itemsize
        if size == 0:
            return np.empty(shape, dtype)
        start = self._start + self._row * self.header.row_bytes
        try:
            with self._path.open("rb") as stream:
                # Looked at each time: pages behind a file's end are a crash.
                if stream.seek(0, 2) < start + size:
                    raise GoldenError(f"{self._where} ends early", hint=_HINT)
                # Processors and runtimes want numbers at multiples of their size.
                if start % dtype.alignment:
                    stream.seek(start)
                    return np.fromfile(stream, dtype, count).reshape(shape)
                # Copy on write: a chunk is its reader's to change.
                found = np.memmap(stream, dtype, "c", start, shape)
        except (OSError, ValueError) as error:
            message = f"{self._where} cannot be read ({error})"
            raise GoldenError(message, hint=_HINT) from error
        return np.asarray(found)

    def _check(self, array: Array) -> None:
        flat = array.reshape(-1).view(np.uint8) if array.size else np.empty(0, np.uint8)
        self._seen = zlib.crc32(flat.data, self._seen)
        if self._left == 0 and self._seen != self._crc:
            raise GoldenError(
                f"{self._where} cannot be read (its CRC-32 is another)", hint=_HINT
            )


def start_of(path: Path, info: zipfile.ZipInfo) -> int | None:
    """Where the bytes of a stored member lie; None where its place cannot be told."""
    with path.open("rb") as stream:
        stream.seek(info.header_offset)
        head = stream.read(_LOCAL.size)
    if len(head) < _LOCAL.size:
        return None
    signature, name, extra = _LOCAL.unpack(head)
    if signature != _SIGNATURE:
        return None
    return int(info.header_offset) + _LOCAL.size + int(name) + int(extra)
