"""Samples of tar shards, block by block."""

from __future__ import annotations

from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import IO, TYPE_CHECKING

import numpy as np

from harness.core.errors import GoldenError
from harness.golden.table import regroup
from harness.golden.tar_index import packed_samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import Array, IntArray
    from harness.golden.members import Decoder
    from harness.golden.rows import Column, Shard, ShardSet
    from harness.golden.table import Block
    from harness.golden.tar_index import Member, Packed

KEY = "sample_id"
"""Column of the samples' keys."""
STRIDE = 64
"""Each so many samples, it is known where one begins: no span is further behind."""
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading needs beside shards and columns.

    Attributes:
        decoder: Makes arrays of files.
        starts: Shard -> where each `STRIDE`th of its samples begins; a shard that is
            not among them is read from its first.
    """

    decoder: Decoder
    starts: Mapping[Path, IntArray]

    def kept(self, samples: Iterable[Packed], names: set[str]) -> Iterator[Packed]:
        """Samples with the files alone that some of these columns may come from."""
        for sample in samples:
            # A table's keys are known when it is read.
            kinds = ((m, self.decoder.column(m.kind)) for m in sample.members)
            members = (m for m, column in kinds if column == "" or column in names)
            yield replace(sample, members=tuple(members))


def read_tar(
    shards: ShardSet,
    columns: Mapping[str, Column],
    reading: Reading,
    names: Sequence[str],
    rows: int,
    span: slice,
) -> Iterator[Block]:
    """Blocks of exactly `rows` rows of a span of all shards, the last one shorter.

    Bytes are read in the shards' order, and become arrays in a few threads. A shard
    that the span touches is verified whole before; others are not opened.

    Raises:
        ChecksumError: A shard is not what was recorded.
        GoldenError: A shard is damaged, or a sample is not like the first.
    """
    chosen = [columns[name] for name in names]
    with ThreadPoolExecutor(_THREADS, "samples") as pool:
        yield from regroup(_parts(shards, chosen, reading, rows, (span, pool)), rows)


def _parts(
    shards: ShardSet,
    columns: Sequence[Column],
    reading: Reading,
    rows: int,
    how: tuple[slice, ThreadPoolExecutor],
) -> Iterator[Block]:
    span, pool = how
    begin = bisect_right(shards.ends, span.start)
    for index, shard in enumerate(shards.shards[begin:], begin):
        first = shards.ends[index] - shard.rows
        here = slice(max(0, span.start - first), min(shard.rows, span.stop - first))
        if here.start >= here.stop:
            return
        shards.verify(index)
        make = partial(_sample, shard.path, columns, reading.decoder)
        wanted = {column.name for column in columns}
        # Threads are for pictures, whose decoders let go of the interpreter's lock.
        each = map if reading.decoder.rules is None else pool.map
        for batch in _batches(shard, reading, wanted, here, rows):
            samples = list(each(make, *zip(*batch, strict=True)))
            yield {column.name: _stacked(column, samples) for column in columns}


def _batches(
    shard: Shard, reading: Reading, names: set[str], span: slice, rows: int
) -> Iterator[list[tuple[Packed, list[bytes]]]]:
    """Samples with the bytes of the files that are wanted, `rows` at a time."""
    known = reading.starts.get(shard.path)
    at = 0 if known is None else span.start // STRIDE
    start = 0 if known is None else int(known[at])
    skipped = at * STRIDE
    samples = packed_samples(shard.path, start)
    wanted = islice(samples, span.start - skipped, span.stop - skipped)
    left = span.stop - span.start
    with shard.path.open("rb") as stream:
        while left:
            batch = [
                (sample, list(_contents(stream, sample.members)))
                for sample in reading.kept(islice(wanted, min(rows, left)), names)
            ]
            if len(batch) < min(rows, left):
                raise GoldenError(
                    f"{shard.path} has fewer samples than the {shard.rows} expected",
                    hint="the shard does not belong to this set; restore it, or write"
                    " the set again",
                )
            left -= len(batch)
            yield batch


def _contents(stream: IO[bytes], members: tuple[Member, ...]) -> Iterator[bytes]:
    for member in members:
        stream.seek(member.start)
        yield stream.read(member.size)


def _sample(
    path: Path,
    columns: Sequence[Column],
    decoder: Decoder,
    sample: Packed,
    contents: list[bytes],
) -> dict[str, Array]:
    """Values of the columns, one sample's."""
    values = {KEY: np.array(sample.key)}
    for member, content in zip(sample.members, contents, strict=True):
        where = f"{path}: {sample.key}.{member.kind}"
        values |= decoder.values(content, member.kind, where)
    for column in columns:
        _require_like(path, sample, column, values.get(column.name))
    return values


def _require_like(
    path: Path, sample: Packed, column: Column, found: Array | None
) -> None:
    """Text is as wide as its longest word; all else is like the first sample's."""
    same = found is not None and found.shape == column.shape
    texts = found is not None and found.dtype.kind == column.dtype.kind == "U"
    if found is None or not same or not (texts or found.dtype == column.dtype):
        told = "missing" if found is None else f"{found.dtype} {found.shape}"
        raise GoldenError(
            f"{path}: sample {sample.key!r}: {column.name!r} is {told}, expected"
            f" {column.dtype_name} {column.shape}",
            hint="give every sample the same files, of one dtype and shape; images:"
            " golden.options.size and resize",
        )


def _stacked(column: Column, samples: list[dict[str, Array]]) -> Array:
    parts = [sample[column.name] for sample in samples]
    if column.dtype.kind == "U":
        flat = np.array([part.tolist() for part in parts], np.str_)
        return flat.reshape(len(parts), *column.shape)
    return np.stack(parts)
