"""Rows of several columns over several shards, as if they were one table."""

from __future__ import annotations

import math
from bisect import bisect_right
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.errors import ChecksumError, GoldenError, MissingGoldenError
from harness.core.provenance import sha256_of
from harness.core.vouched import stamp_of
from harness.golden.npz import ArrayFile, ArrayHeader, ArrayStream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.core.vouched import Stamp
    from harness.golden.mapped import MappedRows


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive rows in one file.

    Attributes:
        path: An ``.npz``, ``.npy`` or Parquet file.
        rows: Rows that it holds.
        sha256: Its digest, None when nobody recorded one.
    """

    path: Path
    rows: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One array of every shard.

    Attributes:
        name: Key in the archives.
        dtype: As stored; every shard has the same.
        shape: Of one row.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.dtype.itemsize * math.prod(self.shape)

    @property
    def dtype_name(self) -> str:
        """The dtype as specs name it: numpy's name, "str" for any text."""
        return "str" if self.dtype.kind == "U" else self.dtype.name


class ShardSet:
    """Shards in order; the digest of each is checked once, before its rows are read.

    Args:
        shards: Together they are the rows.
        vouched: File -> its stamp when another process verified it.

    Attributes:
        shards: As given.
        ends: Number of rows up to and with each shard.
        n_rows: In all.
    """

    def __init__(
        self, shards: Sequence[Shard], vouched: Mapping[str, Stamp] | None = None
    ) -> None:
        self.shards = tuple(shards)
        self.ends = tuple(accumulate(shard.rows for shard in shards))
        self.n_rows = self.ends[-1] if self.ends else 0
        self._vouched = vouched or {}
        self._verified: dict[int, Stamp] = {}

    @property
    def verified(self) -> dict[str, Stamp]:
        """File -> its stamp when its bytes were verified; of those that were."""
        return {str(self.shards[i].path): s for i, s in self._verified.items()}

    def pieces(self, span: slice) -> list[tuple[str, int, int]] | None:
        """Digest, first and last row in it, of each shard that a span touches.

        None where a digest was not recorded.
        """
        found = []
        for shard, end in zip(self.shards, self.ends, strict=True):
            start = end - shard.rows
            first, last = max(span.start, start), min(span.stop, end)
            if first < last:
                if shard.sha256 is None:
                    return None
                found.append((shard.sha256, first - start, last - start))
        return found

    def open(self, index: int) -> ArrayFile:
        """The file of one shard, its bytes verified.

        Raises:
            MissingGoldenError: It does not exist.
            ChecksumError: Its bytes are not those that were recorded.
        """
        self.verify(index)
        return ArrayFile(self.shards[index].path)

    def verify(self, index: int) -> None:
        """Hold the bytes of one shard against what was recorded, once.

        Raises:
            MissingGoldenError: It does not exist.
            ChecksumError: Its bytes are not those that were recorded.
        """
        shard = self.shards[index]
        if shard.sha256 is None or index in self._verified:
            return
        # Taken first: a change while the bytes are digested shows later.
        stamp = _stamp(shard)
        if self._vouched.get(str(shard.path)) != stamp:
            _verify(shard, shard.sha256)
        self._verified[index] = stamp


class RowReader:
    """A place in the rows of a shard set, read forward; one shard is open at a time.

    Args:
        shards: What is read.
        columns: Every shard holds them all.
        start: Row to begin at.
    """

    def __init__(
        self, shards: ShardSet, columns: Sequence[Column], start: int = 0
    ) -> None:
        self._shards = shards
        self._columns = tuple(columns)
        self._next = start
        self._end = start
        self._file: ArrayFile | None = None
        self._streams: list[ArrayStream | MappedRows] = []

    @property
    def next_row(self) -> int:
        """The row that is read next."""
        return self._next

    def read(self, count: int) -> dict[str, Array]:
        """The next `count` rows: column name -> new array.

        Raises:
            ChecksumError: A shard is not what was recorded.
            GoldenError: A shard does not hold the columns, or it is damaged.
        """
        parts: list[list[Array]] = [[] for _ in self._columns]
        stop = self._next + count
        with ExitStack() as undo:
            undo.callback(self.close)
            while self._next < stop:
                self._read_into(parts, stop)
            undo.pop_all()
        return {
            column.name: native(part[0] if len(part) == 1 else np.concatenate(part))
            for column, part in zip(self._columns, parts, strict=True)
        }

    def _read_into(self, parts: list[list[Array]], stop: int) -> None:
        """Rows up to `stop`, or to the end of the shard they begin in."""
        if self._next == self._end:
            self._open_next()
        rows = min(stop, self._end) - self._next
        for stream, part in zip(self._streams, parts, strict=True):
            part.append(stream.read(rows))
        self._next += rows

    def close(self) -> None:
        """Close the shard that is open; a later read opens it again."""
        for stream in self._streams:
            stream.close()
        if self._file is not None:
            self._file.close()
        self._file, self._streams = None, []
        self._end = self._next

    def _open_next(self) -> None:
        self.close()
        # The first shard that ends behind the row; empty ones are passed over.
        index = bisect_right(self._shards.ends, self._next)
        shard, self._end = self._shards.shards[index], self._shards.ends[index]
        self._file = self._shards.open(index)
        for column in self._columns:
            stream = self._file.open(column.name)
            self._streams.append(stream)
            _check_column(shard, column, stream.header)
            stream.skip(self._next - (self._end - shard.rows))


def block_rows(columns: Sequence[Column], multiple: int, n_bytes: int) -> int:
    """Rows of a block of about `n_bytes`, a multiple of `multiple`."""
    row_bytes = sum(column.row_bytes for column in columns) or 1
    return multiple * max(1, n_bytes // (row_bytes * multiple))


def _stamp(shard: Shard) -> Stamp:
    try:
        return stamp_of(shard.path)
    except OSError as error:
        raise _unreadable(shard, error) from error


def _unreadable(shard: Shard, error: OSError) -> MissingGoldenError:
    return MissingGoldenError(
        f"cannot read {shard.path}: {error.strerror or error}",
        hint="restore the shard, or write the set again",
    )


def _verify(shard: Shard, recorded: str) -> None:
    try:
        found = sha256_of(shard.path)
    except OSError as error:
        raise _unreadable(shard, error) from error
    if found != recorded:
        raise ChecksumError(
            f"{shard.path}: sha256 is {found}, recorded was {recorded}",
            hint="the shard was changed or cut short since it was recorded; restore"
            " it, or record it again",
        )


def _check_column(shard: Shard, column: Column, found: ArrayHeader) -> None:
    shape = (shard.rows, *column.shape)
    # Text is as wide as its longest word, which may lie in another shard.
    same = found.dtype == column.dtype or found.dtype.kind == column.dtype.kind == "U"
    if found.shape != shape or not same:
        raise GoldenError(
            f"{shard.path}: array {column.name!r} is {found.dtype} {found.shape},"
            f" expected {column.dtype} {shape}",
            hint="the shard does not belong to this set; restore it, or write the"
            " set again",
        )


def native(array: Array) -> Array:
    """The array in this machine's byte order: runtimes read memory, not dtypes."""
    native = array.dtype.newbyteorder("=")
    return array if array.dtype == native else array.astype(native)
