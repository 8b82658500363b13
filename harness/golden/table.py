"""Golden data of any form as one table: columns, and rows that are read forward."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.core.errors import MissingGoldenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.core.vouched import Vouched
    from harness.golden.options import Options
    from harness.golden.roles import Naming, Roles
    from harness.golden.rows import Column, ShardSet

Block: TypeAlias = "dict[str, Array]"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Golden data as stored.

    Attributes:
        where: What messages call it.
        columns: By name; each has as many rows as the others.
        n_rows: Samples.
        read: ``read(names, rows, span)`` yields blocks of exactly `rows` rows, the
            last one shorter, of the rows that `span` holds (both ends known, at least
            one row): new arrays of this machine's byte order, of the columns that are
            named. Raises GoldenError where the data are damaged, with file and row.
        digest: Works out the sha256 over the data, hex.
        class_names: None where it names none.
        declared: What it says of its columns; None where their names must do.
        notices: What a reader should know.
        preprocess_digest: Of the preprocessing that the data are meant for; None
            where they do not tell.
        shards: Files with recorded digests that it reads; None where there are none.
        vouched: What another process has made sure of.
    """

    where: str
    columns: Mapping[str, Column]
    n_rows: int
    read: Callable[[Sequence[str], int, slice], Iterator[Block]]
    digest: Callable[[], str]
    class_names: tuple[str, ...] | None = None
    declared: Roles | None = None
    notices: tuple[str, ...] = ()
    preprocess_digest: str | None = None
    shards: ShardSet | None = None
    vouched: Vouched | None = None


TableOpener: TypeAlias = "Callable[[Path, Naming, Options], Table]"
"""``open_table(path, naming, options)``: raises GoldenError, SuiteError (options)."""


def regroup(parts: Iterable[Block], rows: int) -> Iterator[Block]:
    """Blocks of any length -> blocks of exactly `rows` rows, the last one shorter.

    A block that fits is handed on as it is.
    """
    waiting: list[Block] = []
    held = 0
    for part in parts:
        waiting.append(part)
        held += _length(part)
        if held < rows:
            continue
        whole = _joined(waiting)
        stop = held - held % rows
        for at in range(0, stop, rows):
            yield {name: array[at : at + rows] for name, array in whole.items()}
        held -= stop
        rest = {name: array[stop:].copy() for name, array in whole.items()}
        waiting = [rest] if held else []
    if held:
        yield _joined(waiting)


def require_samples(count: int, where: object) -> None:
    """Refuse a set without samples.

    Raises:
        MissingGoldenError: There are none.
    """
    if count == 0:
        raise MissingGoldenError(
            f"{where} has no samples",
            hint="add samples: an empty golden set would pass every model",
        )


def beside(compute: Callable[[], str]) -> Callable[[], str]:
    """The answer of `compute`, worked out beside whatever comes next."""
    pool = ThreadPoolExecutor(1, "digest")
    coming = pool.submit(compute)
    pool.shutdown(wait=False)
    return coming.result


def _length(block: Block) -> int:
    return len(next(iter(block.values())))


def _joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([b[name] for b in blocks]) for name in blocks[0]}
