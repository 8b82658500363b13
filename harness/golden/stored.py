"""Golden data in one ``.npz`` or ``.npy`` file, or in shards of that form."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import GoldenError
from harness.core.provenance import sha256_of
from harness.golden.labels import LABEL_KEYS, checked_classes
from harness.golden.npz import ArrayFile
from harness.golden.roles import is_known
from harness.golden.rows import Column, RowReader, Shard, ShardSet, native
from harness.golden.table import Table, require_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.golden.npz import ArrayHeader
    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Block

_CLASSES = ("label_names", "classes")


def open_stored(path: Path, naming: Naming, _options: Options) -> Table:
    """One ``.npz`` or ``.npy`` file.

    Arrays whose first axes differ, with nothing that says how many samples there are,
    are one sample as they stand: a sequence and its initial state, say.

    Raises:
        MissingGoldenError: The file or samples are not there.
        GoldenError: It cannot be read, or it has not as many labels as samples.
    """
    with ArrayFile(path) as file:
        headers = {name: file.header(name) for name in file.names}
        class_key = next((key for key in _CLASSES if key in headers), None)
        names = None if class_key is None else _class_names(file, class_key)
    arrays = {n: h for n, h in headers.items() if n != class_key}
    named = {n: h for n, h in arrays.items() if is_known(n) or n in naming.columns}
    free = {n: h for n, h in arrays.items() if n not in named}
    if not named and _differ(free):
        table = _whole(path, free)
    else:
        table = _counted(path, arrays, _anchors(named, naming))
    return replace(table, class_names=names)


def read_shards(
    shards: ShardSet,
    columns: Mapping[str, Column],
    names: Sequence[str],
    rows: int,
    span: slice,
) -> Iterator[Block]:
    """Blocks of exactly `rows` rows of a span of all shards, the last one shorter.

    A shard that the span touches is verified whole before a row of it is read; the
    others are not opened.

    Args:
        shards: Files of numpy arrays.
        columns: What each holds.
        names: Columns to read.
        rows: At least 1.
        span: Rows to read, both ends known.

    Raises:
        ChecksumError: A shard is not what was recorded.
        GoldenError: A shard is damaged.
    """
    chosen = [columns[name] for name in names]
    with closing(RowReader(shards, chosen, span.start)) as reader:
        for start in range(span.start, span.stop, rows):
            yield reader.read(min(rows, span.stop - start))


def _anchors(
    named: Mapping[str, ArrayHeader], naming: Naming
) -> dict[str, ArrayHeader]:
    """Arrays that say how many samples there are; a second label says nothing."""
    label = naming.label or next((key for key in LABEL_KEYS if key in named), None)
    spare = {key for key in LABEL_KEYS if key not in (label, *naming.columns)}
    return {name: header for name, header in named.items() if name not in spare}


def _counted(
    path: Path, arrays: Mapping[str, ArrayHeader], anchors: Mapping[str, ArrayHeader]
) -> Table:
    free = {n: h for n, h in arrays.items() if not is_known(n) and n not in anchors}
    count = _count(path, anchors, free, arrays)
    require_samples(count, path)
    fit = {n: h for n, h in arrays.items() if h.shape[:1] == (count,)}
    columns = {n: Column(n, h.dtype, h.shape[1:]) for n, h in fit.items()}
    return Table(
        where=str(path),
        columns=columns,
        n_rows=count,
        read=partial(read_shards, ShardSet([Shard(path, count)]), columns),
        digest=lambda: sha256_of(path),
        notices=tuple(
            f"golden array {name!r} {header.shape} is not used"
            for name, header in arrays.items()
            if name not in fit
        ),
    )


def _whole(path: Path, arrays: Mapping[str, ArrayHeader]) -> Table:
    require_samples(min(math.prod(header.shape) for header in arrays.values()), path)
    shown = ", ".join(f"{name} {header.shape}" for name, header in arrays.items())
    columns = {n: Column(n, h.dtype, h.shape) for n, h in arrays.items()}
    notice = (
        f"golden arrays have different first axes ({shown}):"
        " together they are one sample as it stands"
    )
    return Table(
        where=str(path),
        columns=columns,
        n_rows=1,
        read=partial(_read_whole, path),
        digest=lambda: sha256_of(path),
        notices=(notice,),
    )


def _read_whole(
    path: Path,
    names: Sequence[str],
    rows: int,  # noqa: ARG001 - there is one row, however many are asked for
    span: slice,  # noqa: ARG001 - and no span of it but the whole
) -> Iterator[Block]:
    with ArrayFile(path) as file:
        yield {name: native(file.read(name))[np.newaxis] for name in names}


def _differ(arrays: Mapping[str, ArrayHeader]) -> bool:
    return len({header.shape[0] for header in arrays.values() if header.shape}) > 1


def _count(
    path: Path,
    anchors: Mapping[str, ArrayHeader],
    free: Mapping[str, ArrayHeader],
    arrays: Mapping[str, ArrayHeader],
) -> int:
    """Samples: as many as labels or sample names, else as all arrays agree on."""
    counts = {n: h.shape[0] for n, h in free.items() if h.shape}
    anchored = {n: h.shape[0] if h.shape else 1 for n, h in anchors.items()}
    if not counts:
        raise GoldenError(
            f"{path} has no input arrays; its keys are {', '.join(arrays) or 'none'}",
            hint="save the samples under the model's input names, samples first",
        )
    allowed = set(anchored.values()) or set(counts.values())
    if len(allowed) > 1 or not allowed & set(counts.values()):
        lengths = ", ".join(f"{n} {c}" for n, c in {**counts, **anchored}.items())
        raise GoldenError(
            f"{path}: arrays are of unequal length along the sample axis: {lengths}",
            hint="save as many labels as samples, samples along the first axis",
        )
    return allowed.pop()


def _class_names(file: ArrayFile, key: str) -> tuple[str, ...]:
    where = f"{file.path}: {key}"
    if len(file.header(key).shape) != 1:
        raise GoldenError(
            f"{where} has shape {file.header(key).shape}",
            hint="give class names as an array of one axis",
        )
    return checked_classes(where, [str(name) for name in file.read(key).tolist()])
