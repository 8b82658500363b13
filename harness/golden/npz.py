"""Arrays in ``.npz`` archives and ``.npy`` files, read row by row.

What is stored as it is, is mapped; what is packed, is unpacked as it is read. Nothing
is loaded whole, nothing is unpickled, and what a header promises is held
against the bytes that are there before any memory is asked for.
"""

from __future__ import annotations

import math
import re
import tokenize
import zipfile
import zlib
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from io import SEEK_CUR, BufferedIOBase, BytesIO
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, Self, TypeAlias, cast

import numpy as np
from numpy.lib import format as npy

from harness.core.errors import GoldenError, MissingGoldenError
from harness.golden.mapped import MappedRows, start_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.core.protocols import Array

    _Literal: TypeAlias = tuple[tuple[int, ...], bool, np.dtype[Any]]

_STORED_OR_DEFLATED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
# NotImplementedError: an archive that asks for a newer zip than there is.
_BROKEN = (
    *(OSError, EOFError, ValueError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, SyntaxError, tokenize.TokenError),
)
_KINDS = "biufcU"
_WRITTEN = re.compile(
    rb"\{'descr': '([<>|]\w{2,3})', 'fortran_order': (True|False),"
    rb" 'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)
# Deflate packs at most 1032:1, and only bytes that are all alike come near it.
_MAX_RATIO = 1000
_SMALL = 64 << 20
_NOT_AN_ARRAY = "write it again with numpy.savez or numpy.save"
# What numpy calls the numbers of this machine and of the other byte order.
_DTYPES = {
    dtype.str.encode(): dtype
    for code in "?bBhHiIqQefdFD"
    for dtype in (np.dtype(code), np.dtype(code).newbyteorder())
}
_compiling = Lock()


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """What an array file says of itself.

    Attributes:
        dtype: Never object.
        shape: As stored; C order.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one entry along the first axis."""
        return self.dtype.itemsize * math.prod(self.shape[1:])


class ArrayStream:
    """Rows of one array, read in order.

    Args:
        stream: Positioned behind the array's header.
        header: That header.
        where: What messages call the array.
    """

    def __init__(self, stream: IO[bytes], header: ArrayHeader, where: str) -> None:
        self.header = header
        # zipfile and open() both give one, whatever their annotations say.
        self._stream = cast("BufferedIOBase", stream)
        self._where = where

    def read(self, rows: int) -> Array:
        """The next `rows` rows, a new array.

        Raises:
            GoldenError: The file ends early or its bytes are damaged.
        """
        array = np.empty((rows, *self.header.shape[1:]), self.header.dtype)
        view = array.reshape(-1).view(np.uint8).data
        while view:
            with _reading(self._where):
                filled = self._stream.readinto(view)
            if not filled:
                raise _damaged(self._where, f"ends {len(view)} bytes early")
            view = view[filled:]
        return array

    def skip(self, rows: int) -> None:
        """Leave out that many rows."""
        with _reading(self._where):
            self._stream.seek(rows * self.header.row_bytes, SEEK_CUR)

    def close(self) -> None:
        """Close the member, not its archive."""
        self._stream.close()


class ArrayFile:
    """An ``.npz`` archive, or an ``.npy`` file as an archive of one array.

    Args:
        path: The file.

    Raises:
        MissingGoldenError: It does not exist.
        GoldenError: It is neither form, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive: zipfile.ZipFile | None = None
        self._members: dict[str, zipfile.ZipInfo] = {}
        if not path.is_file():
            raise MissingGoldenError(
                f"{path} does not exist", hint="check the path, or create the data"
            )
        if path.suffix.lower() == ".npy":
            return
        with _reading(str(path)):
            self._archive = zipfile.ZipFile(path)
        self._members = {
            info.filename.removesuffix(".npy"): info
            for info in self._archive.infolist()
            if info.filename.endswith(".npy")
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in the file's order; an ``.npy``'s is its stem."""
        return tuple(self._members) if self._archive else (self.path.stem,)

    def open(self, name: str) -> ArrayStream | MappedRows:
        """The rows of one array, from the first.

        Raises:
            GoldenError: There is no such array, or its header cannot be trusted.
        """
        where = f"{self.path}: array {name!r}"
        if name not in self.names:
            raise GoldenError(
                f"{self.path} has no array {name!r}",
                hint=f"its arrays are: {', '.join(self.names) or 'none'}",
            )
        with ExitStack() as undo:
            with _reading(where):
                stream, size = self._open_member(name, where)
                undo.callback(stream.close)
                header = _read_header(stream, where)
            promised = header.dtype.itemsize * math.prod(header.shape)
            if promised != size - stream.tell():
                raise _damaged(
                    where,
                    f"promises {promised:,} bytes of {header.dtype} {header.shape}"
                    f" and holds {size - stream.tell():,}",
                )
            if (rows := self._mapped(name, header, stream.tell(), where)) is not None:
                return rows
            undo.pop_all()
        return ArrayStream(stream, header, where)

    def header(self, name: str) -> ArrayHeader:
        """What one array says of itself.

        Raises:
            GoldenError: As for `open`.
        """
        with closing(self.open(name)) as stream:
            return stream.header

    def read(self, name: str) -> Array:
        """One whole array; for small ones, such as class names.

        Raises:
            GoldenError: As for `open`.
        """
        with closing(self.open(name)) as stream:
            shape = stream.header.shape
            return stream.read(shape[0] if shape else 1).reshape(shape)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._archive is not None:
            self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mapped(
        self, name: str, header: ArrayHeader, lead: int, where: str
    ) -> MappedRows | None:
        """The rows where they lie; None where they are packed.

        Args:
            name: Of the array.
            header: What it says of itself.
            lead: Bytes that this took.
            where: What messages call it.
        """
        if self._archive is None:
            return MappedRows(self.path, lead, header, where)
        info = self._members[name]
        if info.compress_type != zipfile.ZIP_STORED:
            return None
        with _reading(where):
            begin = start_of(self.path, info)
            with self._archive.open(info) as stream:
                front = stream.read(lead)
        if begin is None:
            return None
        return MappedRows(self.path, begin + lead, header, where, info.CRC, front)

    def _open_member(self, name: str, where: str) -> tuple[IO[bytes], int]:
        if self._archive is None:
            return self.path.open("rb"), self.path.stat().st_size
        info = self._members[name]
        if info.compress_type not in _STORED_OR_DEFLATED or info.flag_bits & _ENCRYPTED:
            raise GoldenError(
                f"{where} is packed in a way that numpy does not write",
                hint=_NOT_AN_ARRAY,
            )
        if info.file_size > max(_SMALL, _MAX_RATIO * info.compress_size):
            raise GoldenError(
                f"{where} unpacks {info.compress_size:,} bytes into"
                f" {info.file_size:,}: refused as a decompression bomb",
                hint="if the data are really that uniform, save them uncompressed",
            )
        return self._archive.open(info), info.file_size


def read_array(content: bytes, where: str) -> Array:
    """The array of an ``.npy`` file in memory; its rules are those of others.

    Args:
        content: The file's bytes.
        where: What messages call it.

    Raises:
        GoldenError: It is damaged, or needs unpickling.
    """
    stream = BytesIO(content)
    with _reading(where):
        header = _read_header(stream, where)
    held = len(content) - stream.tell()
    promised = header.dtype.itemsize * math.prod(header.shape)
    if promised != held:
        raise _damaged(where, f"promises {promised:,} bytes and holds {held:,}")
    flat = np.frombuffer(content, header.dtype, offset=stream.tell())
    native = header.dtype.newbyteorder("=")
    return flat.reshape(header.shape).astype(native)


def _read_header(stream: IO[bytes], where: str) -> ArrayHeader:
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise _damaged(where, f"has the unknown array format {version}")
    shape, fortran_order, dtype = _literal(stream, version, readers[version])
    if dtype.hasobject:
        raise GoldenError(
            f"{where} holds Python objects, which would need unpickling",
            hint="save it as numbers or as text: array.astype(str)",
        )
    if dtype.kind not in _KINDS or dtype.itemsize == 0 or min(shape, default=1) < 0:
        raise GoldenError(
            f"{where} holds {dtype} of shape {shape}, neither numbers nor text",
            hint="save it as numbers or as text",
        )
    if fortran_order:
        raise GoldenError(
            f"{where} is stored in Fortran order, samples last",
            hint="save numpy.ascontiguousarray(array) instead",
        )
    return ArrayHeader(dtype, shape)


def _literal(
    stream: IO[bytes],
    version: tuple[int, int],
    numpy_s: Callable[[IO[bytes]], _Literal],
) -> _Literal:
    """A header as numpy writes it, or else as numpy reads it.

    numpy compiles the literal, which costs more than a small array does, and which
    CPython 3.11 cannot do safely in several threads at a time.
    """
    length = stream.read(2 if version == (1, 0) else 4)
    # numpy refuses longer ones than 10,000 bytes itself.
    text = stream.read(min(int.from_bytes(length, "little"), 1 << 16))
    found = _WRITTEN.fullmatch(text)
    dtype = None if found is None else _DTYPES.get(found[1])
    if found is None or dtype is None:
        with _compiling:
            return numpy_s(BytesIO(length + text))
    shape = tuple(int(n) for n in found[3].decode().split(",") if n.strip())
    return shape, found[2] == b"True", dtype


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Whatever zip, zlib or numpy say of damaged bytes, in our words."""
    try:
        yield
    except _BROKEN as error:
        raise _damaged(where, f"cannot be read ({error})") from error


def _damaged(where: str, what: str) -> GoldenError:
    return GoldenError(
        f"{where} {what}",
        hint="the file was cut short or changed; restore it, or write it again",
    )
