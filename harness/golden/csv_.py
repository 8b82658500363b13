"""Tables as text: CSV and TSV, read twice: once to learn the columns, once to run."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.core.errors import GoldenError
from harness.core.provenance import sha256_of
from harness.golden.features import gathered
from harness.golden.rows import Column
from harness.golden.spans import inside
from harness.golden.table import Table, regroup, require_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Block

_ROWS = 8192
# Stands for any text, until its longest word is known: it sizes the blocks.
_TEXT = np.dtype("U16")
_NUMBERS = {"b": np.dtype(bool), "i": np.dtype(np.int64), "u": np.dtype(np.uint64)}
_FLOAT = np.dtype(np.float64)
_BROKEN = (
    *(OSError, ValueError, OverflowError, MemoryError),
    *(csv.Error, pd.errors.ParserWarning),
)
_HINT = "correct the file; one line a sample, names of columns in the first line"


def open_csv(path: Path, naming: Naming, options: Options) -> Table:
    """One CSV or TSV file with the names of its columns in the first line.

    Columns are whole numbers, floats, booleans, or else text. An empty field is text:
    a feature column that has one is refused by its row.

    Options: those of `gathered`, and ``separator``.

    Raises:
        MissingGoldenError: The file holds no samples.
        GoldenError: It cannot be read, or a feature is no number.
        SuiteError: An option is not what is allowed.
    """
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    separator = options.text("separator") or usual
    _check_header(path, separator)
    # A sample named 007 is not named 7.
    texts = {naming.sample_id or "sample_id"}
    learnt = _learn(path, separator, texts)
    require_samples(learnt.n_rows, path)
    columns = {n: Column(n, dtype, ()) for n, dtype in learnt.dtypes.items()}
    table = Table(
        where=str(path),
        columns=columns,
        n_rows=learnt.n_rows,
        read=partial(_read, path, separator, columns),
        digest=lambda: sha256_of(path),
    )
    try:
        return gathered(table, naming, options)
    except GoldenError as error:
        raise _with_row(error, learnt) from error


@dataclass(slots=True)
class _Learnt:
    """What the first reading found.

    Attributes:
        n_rows: Lines but the first.
        dtypes: Of each column.
        odd: Column -> (row, value) of its first value that is no number.
    """

    n_rows: int = 0
    dtypes: dict[str, np.dtype[Any]] = field(default_factory=dict)
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)


def _check_header(path: Path, separator: str) -> None:
    with _reading(path), path.open(encoding="utf-8-sig", newline="") as stream:
        names = next(csv.reader(stream, delimiter=separator), [])
    name, times = Counter(names).most_common(1)[0] if names else ("", 1)
    if times > 1 or "" in names or not names:
        twice = f"names the column {name!r} {times} times"
        raise GoldenError(
            f"{path}: its first line {twice if times > 1 else 'leaves a name out'}",
            hint="give every column a name of its own; pandas: index=False",
        )


def _learn(path: Path, separator: str, texts: set[str]) -> _Learnt:
    learnt = _Learnt()
    for frame in _frames(path, separator, dict.fromkeys(texts, str), None):
        for name in frame.columns:
            column = frame[name]
            kind = _kind(column)
            if kind == _TEXT and name not in learnt.odd and name not in texts:
                kind = _look_closer(learnt, name, column)
            if kind == _TEXT:
                kind = np.dtype(f"U{max(map(len, column.astype(str)), default=1) or 1}")
            before = learnt.dtypes.get(name, kind)
            learnt.dtypes[name] = _common(before, kind)
        learnt.n_rows += len(frame)
    return learnt


def _kind(column: pd.Series[Any]) -> np.dtype[Any]:
    dtype = column.dtype
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
        return _TEXT
    return _NUMBERS.get(dtype.kind, _FLOAT)


def _look_closer(learnt: _Learnt, name: str, column: pd.Series[Any]) -> np.dtype[Any]:
    """Whole numbers beyond 64 bits are no text; else the first odd one is kept."""
    for index, value in enumerate(column.tolist()):
        try:
            float(value)
        except ValueError:
            learnt.odd[name] = (learnt.n_rows + index, str(value))
            return _TEXT
    return _FLOAT


def _common(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    if one == other:
        return one
    kinds = {one.kind, other.kind}
    if "U" in kinds or "b" in kinds:
        widths = (d.itemsize // 4 for d in (one, other) if d.kind == "U")
        return np.dtype(f"U{max(widths, default=16)}")
    return _FLOAT


def _with_row(error: GoldenError, learnt: _Learnt) -> GoldenError:
    for name, (row, value) in learnt.odd.items():
        if f"column {name!r} " in error.message:
            message = f"{error.message}: row {row} is {value[:40]!r}"
            return GoldenError(message, hint=error.hint)
    return error


def _read(
    path: Path,
    separator: str,
    columns: Mapping[str, Column],
    names: Sequence[str],
    rows: int,
    span: slice,
) -> Iterator[Block]:
    """Lines have no index: what lies in front of the span is read past."""
    dtypes = {
        name: str if columns[name].dtype.kind == "U" else columns[name].dtype
        for name in names
    }
    frames = _frames(path, separator, dtypes, list(names))
    parts = ({n: _array(frame[n], columns[n]) for n in names} for frame in frames)
    yield from regroup(inside(parts, span), rows)


def _array(column: pd.Series[Any], as_: Column) -> Array:
    if as_.dtype.kind == "U":
        return np.array(column.tolist(), np.str_)
    return np.array(column.to_numpy(), as_.dtype)


def _frames(
    path: Path, separator: str, dtypes: Mapping[str, Any], names: list[str] | None
) -> Iterator[pd.DataFrame]:
    with _reading(path):
        reader = pd.read_csv(
            path,
            sep=separator,
            usecols=names,
            dtype=dict(dtypes),
            na_filter=False,
            chunksize=_ROWS,
            encoding="utf-8-sig",
            index_col=False,
            skip_blank_lines=False,
        )
    with reader:
        while (frame := _next(reader, path)) is not None:
            yield frame


def _next(reader: Iterator[pd.DataFrame], path: Path) -> pd.DataFrame | None:
    with _reading(path), warnings.catch_warnings():
        # A line of more fields than there are columns would lose the rest.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return next(reader, None)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever pandas says of damaged text, in our words."""
    try:
        yield
    except _BROKEN as error:
        first = str(error).strip().partition("\n")[0]
        raise GoldenError(f"{path} cannot be read ({first})", hint=_HINT) from error
