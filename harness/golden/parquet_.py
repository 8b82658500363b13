"""Parquet files: scalar columns, lists of one length, and tensors of one shape."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.core.errors import GoldenError, MissingGoldenError
from harness.core.provenance import sha256_of
from harness.golden.features import gathered
from harness.golden.rows import Column, Shard, ShardSet, block_rows
from harness.golden.spans import inside
from harness.golden.table import Table, regroup, require_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Block

# Stands for any text, until it is known how long its words are: it sizes the blocks.
_TEXT = np.dtype("U16")
_LONGEST = 1 << 16
_MAX_RATIO = 1000
_SMALL = 64 << 20
# Unpacked at once: what Arrow needs meanwhile is many times as much.
_BATCH_BYTES = 256 << 10
# Read at once of each packed column, and not a row group's whole.
_BUFFER_BYTES = 64 << 10
_DAMAGED = "the file was cut short or changed; restore it, or write it again"


def open_parquet(path: Path, naming: Naming, options: Options) -> Table:
    """One Parquet file.

    Raises:
        MissingGoldenError: The file or samples are not there.
        GoldenError: It cannot be read, or its columns do not fit together.
        SuiteError: An option is not what is allowed.
    """
    if not path.is_file():
        raise MissingGoldenError(
            f"{path} does not exist", hint="check the path, or create the data"
        )
    shapes = options.shapes("shapes")
    columns, left = parquet_columns(path, shapes)
    n_rows = parquet_rows(path)
    require_samples(n_rows, path)
    table = Table(
        where=str(path),
        columns=columns,
        n_rows=n_rows,
        read=partial(read_parquet, ShardSet([Shard(path, n_rows)]), columns),
        digest=lambda: sha256_of(path),
        notices=tuple(f"golden column {n!r} ({kind}) is not used" for n, kind in left),
    )
    return gathered(table, naming, options)


def parquet_rows(path: Path) -> int:
    """Rows that a file says it holds.

    Raises:
        GoldenError: It cannot be read.
    """
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def parquet_columns(
    path: Path, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[dict[str, Column], list[tuple[str, str]]]:
    """The columns of a file that arrays can be made of, and what is left.

    Args:
        path: The file.
        shapes: Shape of a row by column, where it is not that of the lists.

    Raises:
        GoldenError: It cannot be read, or a shape does not fit its column.
    """
    columns: dict[str, Column] = {}
    left: list[tuple[str, str]] = []
    with _opened(path) as file:
        for field in file.schema_arrow:
            found = _column(file, field, path)
            if found is None:
                left.append((field.name, str(field.type)))
            else:
                columns[field.name] = found
    for name, shape in (shapes or {}).items():
        columns[name] = _reshaped(columns, name, shape, path)
    return columns, left


def read_parquet(
    shards: ShardSet,
    columns: Mapping[str, Column],
    names: Sequence[str],
    rows: int,
    span: slice,
) -> Iterator[Block]:
    """Blocks of exactly `rows` rows of a span of all files, the last one shorter.

    Only the columns named and the row groups that the span touches are unpacked. A
    file that it touches is verified whole before that; others are not opened.

    Raises:
        ChecksumError: A file is not what was recorded.
        GoldenError: A file is damaged, or a row is not like the others.
    """
    chosen = [columns[name] for name in names]
    yield from regroup(_parts(shards, chosen, span), rows)


def _parts(shards: ShardSet, columns: Sequence[Column], span: slice) -> Iterator[Block]:
    for index, shard in enumerate(shards.shards):
        start = shards.ends[index] - shard.rows
        here = slice(max(0, span.start - start), min(shard.rows, span.stop - start))
        if here.start < here.stop:
            shards.verify(index)
            yield from _file_parts(shard, columns, here)


def _file_parts(
    shard: Shard, columns: Sequence[Column], span: slice
) -> Iterator[Block]:
    rows = block_rows(columns, 1, _BATCH_BYTES)
    with _opened(shard.path) as file:
        _require_columns(file, shard, columns)
        groups, first = _groups(file, span)
        found = file.iter_batches(
            rows,
            use_threads=False,
            row_groups=groups,
            columns=[column.name for column in columns],
        )
        yield from inside(_arrays(found, shard, columns, first), span, first)


def _groups(file: pq.ParquetFile, span: slice) -> tuple[range, int]:
    """Row groups that a span touches, and the first row of them."""
    counts = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    ends = list(accumulate(group.num_rows for group in counts))
    begin = bisect_right(ends, span.start)
    return range(begin, bisect_left(ends, span.stop) + 1), [0, *ends][begin]


def _arrays(
    batches: Iterator[Any], shard: Shard, columns: Sequence[Column], row: int
) -> Iterator[Block]:
    for batch in batches:
        yield {
            column.name: _array(batch.column(column.name), column, shard, row)
            for column in columns
        }
        row += batch.num_rows


def _require_columns(
    file: pq.ParquetFile, shard: Shard, columns: Sequence[Column]
) -> None:
    found = file.schema_arrow.names
    missing = [column.name for column in columns if column.name not in found]
    if missing or file.metadata.num_rows != shard.rows:
        said = f"has no column {missing[0]!r}" if missing else ""
        counted = f"has {file.metadata.num_rows} rows, expected {shard.rows}"
        raise GoldenError(
            f"{shard.path} {said or counted}",
            hint="the shard does not belong to this set; restore it, or write the"
            " set again",
        )


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The file, with whatever Arrow says of damaged bytes in our words."""
    try:
        # Read before it is asked for, the packed file would be held to its end.
        how = {"pre_buffer": False, "buffer_size": _BUFFER_BYTES}
        with pq.ParquetFile(path, **how) as file:
            _refuse_bombs(file, path)
            yield file
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        first = str(error).partition("\n")[0]
        raise GoldenError(f"{path} cannot be read ({first})", hint=_DAMAGED) from error


def _refuse_bombs(file: pq.ParquetFile, path: Path) -> None:
    size = path.stat().st_size
    for index in range(file.metadata.num_row_groups):
        unpacked = file.metadata.row_group(index).total_byte_size
        if unpacked > max(_SMALL, _MAX_RATIO * size):
            raise GoldenError(
                f"{path} unpacks {size:,} bytes into {unpacked:,}: refused as a"
                " decompression bomb",
                hint="if the data are really that uniform, write them uncompressed",
            )


def _column(file: pq.ParquetFile, field: Any, path: Path) -> Column | None:
    """The column as numpy has it, None where numpy has nothing like it."""
    kind = field.type
    shape: tuple[int, ...] = ()
    if isinstance(kind, pa.FixedShapeTensorType):
        kind, shape = kind.value_type, tuple(kind.shape)
    elif _is_list(kind):
        kind, shape = _list_shape(file, field, path)
    dtype = _dtype(kind)
    if dtype == _TEXT and shape == ():
        dtype = _width(file, field.name)
    return None if dtype is None else Column(field.name, dtype, shape)


def _width(file: pq.ParquetFile, name: str) -> np.dtype[Any]:
    """Text four times as long as the bytes a row of the fullest row group."""
    at = file.schema.names.index(name)
    groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    sizes = [g.column(at).total_uncompressed_size / max(g.num_rows, 1) for g in groups]
    return np.dtype(f"U{min(max(16, int(4 * max(sizes, default=0))), _LONGEST)}")


def _dtype(kind: Any) -> np.dtype[Any] | None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _TEXT
    if pa.types.is_temporal(kind):
        return _TEXT
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not numeric and not pa.types.is_boolean(kind):
        return None
    dtype: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
    return dtype


def _is_list(kind: Any) -> bool:
    return isinstance(kind, (pa.ListType, pa.LargeListType, pa.FixedSizeListType))


def _list_shape(
    file: pq.ParquetFile, field: Any, path: Path
) -> tuple[Any, tuple[int, ...]]:
    """Innermost type and shape of a row; where the type is silent, the first's."""
    first = next(file.iter_batches(1, columns=[field.name]), None)
    array = None if first is None else first.column(0)
    kind, shape = field.type, []
    while _is_list(kind):
        if pa.types.is_fixed_size_list(kind):
            shape.append(kind.list_size)
        elif array is None or len(array) == 0 or array[0].as_py() is None:
            raise GoldenError(
                f"{path}: column {field.name!r} has no value in its first row",
                hint="give every sample a value",
            )
        else:
            shape.append(len(array[0]))
        array = None if array is None else array.flatten()
        kind = kind.value_type
    return kind, tuple(shape)


def _reshaped(
    columns: Mapping[str, Column], name: str, shape: tuple[int, ...], path: Path
) -> Column:
    found = columns.get(name)
    if found is None or math.prod(found.shape) != math.prod(shape):
        has = f"has {found.shape} values a row" if found else "does not exist"
        raise GoldenError(
            f"{path}: column {name!r} {has}, golden.options.shapes says {list(shape)}",
            hint="correct golden.options.shapes",
        )
    return Column(name, found.dtype, shape)


def _array(found: Any, column: Column, shard: Shard, row: int) -> Array:
    """One column of one batch, a new array of shape (n, *column.shape)."""
    where = f"{shard.path}: column {column.name!r}"
    count = len(found)
    _refuse_nulls(found, where, row)
    if isinstance(found.type, pa.BaseExtensionType):
        found = found.storage
    while _is_list(found.type):
        _refuse_ragged(found, where, row)
        found = found.flatten()
        _refuse_nulls(found, where, row, len(found) // max(count, 1))
    if len(found) != count * math.prod(column.shape):
        raise GoldenError(
            f"{where}, from row {row} on: {len(found)} values for {count} rows of"
            f" shape {column.shape}",
            hint="give every row the same shape, or declare golden.options.shapes",
        )
    if column.dtype.kind == "U":
        array = np.array(pc.cast(found, pa.string()).to_pylist(), np.str_)
    else:
        array = np.array(found.to_numpy(zero_copy_only=False))
    if array.dtype != column.dtype and column.dtype.kind != "U":
        raise GoldenError(
            f"{where} is {array.dtype}, expected {column.dtype}",
            hint="write all shards with one schema",
        )
    return array.reshape(count, *column.shape)


def _refuse_nulls(found: Any, where: str, row: int, per_row: int = 1) -> None:
    if found.null_count:
        at = pc.index(pc.is_null(found), True).as_py()
        raise GoldenError(
            f"{where}, row {row + at // max(per_row, 1)} has no value",
            hint="give every sample a value, or leave the sample out",
        )


def _refuse_ragged(found: Any, where: str, row: int) -> None:
    lengths = pc.list_value_length(found)
    wrong = pc.index(pc.not_equal(lengths, lengths[0]), True).as_py()
    if wrong >= 0:
        raise GoldenError(
            f"{where}, row {row + wrong} has {lengths[wrong]} values, the rows before"
            f" it {lengths[0]}",
            hint="give every row the same shape",
        )
