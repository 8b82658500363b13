"""Feature columns of a table -> one input matrix, where a model wants one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.core.errors import GoldenError
from harness.golden.roles import assign
from harness.golden.rows import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.protocols import Array
    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Block, Table

Features = Literal["matrix", "columns"]
Precision = Literal["float32", "float64"]


def gathered(table: Table, naming: Naming, options: Options) -> Table:
    """The table with its feature columns as one input, unless the suite says otherwise.

    Options: ``features`` ("matrix", or "columns" for an input a column), ``input``
    (name of the matrix), ``dtype`` (float32 or float64). Columns that hold an array a
    row are inputs of their own either way.

    Raises:
        GoldenError: A feature is text, or the matrix would take another column's name.
        SuiteError: An option is not what is allowed.
    """
    mode = options.choice("features", Features, "matrix")
    name = options.text("input") or "features"
    dtype = np.dtype(options.choice("dtype", Precision, "float32"))
    inputs = assign(table.where, table.columns, naming, table.declared).inputs
    features = [key for key in inputs if table.columns[key].shape == ()]
    if mode == "columns" or not features:
        return table
    for key in features:
        _require_number(table, table.columns[key])
    left = {key: c for key, c in table.columns.items() if key not in features}
    if name in left:
        raise GoldenError(
            f"{table.where} has a column {name!r} beside its feature columns",
            hint="name the matrix otherwise: golden.options.input",
        )
    matrix = Column(name, dtype, (len(features),))
    read = partial(_read, table, features, matrix)
    return replace(table, columns={name: matrix, **left}, read=read)


def _require_number(table: Table, column: Column) -> None:
    if column.dtype.kind not in "biuf":
        raise GoldenError(
            f"{table.where}: feature column {column.name!r} holds text",
            hint="name it in golden.metadata, or feed each column by itself:"
            ' golden.options.features = "columns"',
        )


def _read(
    table: Table,
    features: list[str],
    matrix: Column,
    names: Sequence[str],
    rows: int,
    span: slice,
) -> Iterator[Block]:
    others = [name for name in names if name != matrix.name]
    wanted = [*others, *(features if matrix.name in names else ())]
    row = span.start
    for block in table.read(wanted, rows, span):
        result = {name: block[name] for name in others}
        if matrix.name in names:
            columns = [block[name] for name in features]
            result[matrix.name] = _stacked(table.where, features, columns, matrix, row)
        yield result
        row += len(next(iter(block.values())))


def _stacked(
    where: str, names: list[str], columns: list[Array], matrix: Column, row: int
) -> Array:
    """Shape (n, features); a number that the matrix cannot hold is refused."""
    result = np.empty((len(columns[0]), len(columns)), matrix.dtype)
    with np.errstate(over="ignore"):
        for index, column in enumerate(columns):
            result[:, index] = column
            lost = np.isinf(result[:, index]) & np.isfinite(column)
            if lost.any():
                at = int(np.flatnonzero(lost)[0])
                raise GoldenError(
                    f"{where}: column {names[index]!r}, row {row + at}: {column[at]}"
                    f" does not fit {matrix.dtype}",
                    hint='correct it, or golden.options.dtype = "float64"',
                )
    return result
