"""Golden data as a stream of chunks, whatever form it lies in."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import GoldenError
from harness.core.protocols import GoldenChunk, TensorSpec
from harness.core.provenance import digest_of
from harness.core.vouched import Vouched
from harness.golden.forms import open_table, require_remote
from harness.golden.labelled import LabelledGolden
from harness.golden.labels import Labels, read_classes
from harness.golden.options import Options
from harness.golden.preprocess import preprocess_digest
from harness.golden.roles import Naming, Roles, assign, is_multilabel
from harness.golden.rows import block_rows
from harness.golden.spans import settled
from harness.golden.table import beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, GoldenSource
    from harness.core.specs import GoldenSpec
    from harness.golden.rows import Column
    from harness.golden.table import Block, Table

# Read at once: large enough that a block costs little more than its bytes, small
# enough to stay in the cache of one core.
_BLOCK_BYTES = 2 << 20


class TableGolden:
    """A golden set; see `harness.core.protocols.GoldenSource`.

    Args:
        table: The data as stored.
        roles: What each column is for.
        class_names: In the order of the indices; None where nobody names them.
        options: What the suite said of reading them.
        notices: What a reader should know beside what the table tells.
    """

    def __init__(
        self,
        table: Table,
        roles: Roles,
        class_names: tuple[str, ...] | None,
        options: Mapping[str, object],
        notices: tuple[str, ...] = (),
    ) -> None:
        self.options = dict(options)
        self.table = table
        self.roles = roles
        self.n_samples = table.n_rows
        self.inputs = tuple(self._spec(table.columns[name]) for name in roles.inputs)
        self.class_names = class_names
        self.has_labels = roles.label is not None
        self.notices = (*table.notices, *_unused(roles), *notices)
        self._labels = Labels(table.where, class_names)

    @property
    def digest(self) -> str:
        """sha256 over the data and how they are read, hex."""
        if self.table.vouched is not None:
            return self.table.vouched.digest
        stored = self.table.digest()
        return digest_of([stored, self.options]) if self.options else stored

    def chunks(self, rows: int, span: slice | None = None) -> Iterator[GoldenChunk]:
        """Chunks of exactly `rows` samples, the last one shorter; in order.

        Arrays are views of a block of about 2 MiB that is read at once. Where a span
        is given, files that hold none of it are left alone; those that hold some are
        verified whole before a sample of them is given out.

        Raises:
            ValueError: `rows` is less than 1, or the span leaves samples out.
            ChecksumError: A shard is not what the manifest recorded.
            GoldenError: The data are damaged, or a label is out of range.
        """
        if rows < 1:
            raise ValueError(f"a chunk has at least one row, not {rows}")
        part = settled(span, self.n_samples)
        if part.start == part.stop:
            return
        names = self.roles.columns
        columns = [self.table.columns[name] for name in names]
        step = block_rows(columns, rows, _BLOCK_BYTES)
        start = part.start
        for block in self.table.read(names, step, part):
            chunk = self._chunk(block, start)
            start = chunk.rows.stop
            yield from _cut(chunk, rows)

    def span_digest(self, span: slice) -> str:
        """sha256 over some samples, their place included; see `SpannedSource`."""
        shards = self.table.shards
        pieces = None if shards is None else shards.pieces(span)
        if pieces is None:
            return digest_of([self.digest, span.start, span.stop])
        return digest_of([pieces, self._reading, span.start, span.stop])

    @cached_property
    def _reading(self) -> str:
        """What samples are made of, and how: the same for all of them."""
        roles = self.roles
        columns = [self.table.columns[name] for name in roles.columns]
        forms = [(column.dtype_name, column.shape) for column in columns]
        named = (roles.inputs, roles.label, roles.sample_id)
        others = (dict(roles.targets), dict(roles.metadata))
        return digest_of([forms, named, others, self.class_names, self.options])

    def vouch(self, *, whole: bool = False) -> Vouched:
        """What has been made sure of so far, for processes that open the same data.

        Args:
            whole: Whether shards that have not been read yet are verified now.

        Raises:
            ChecksumError: A shard is not what the manifest recorded.
        """
        shards = self.table.shards
        if shards is None:
            return Vouched(self.digest)
        for index in range(len(shards.shards) if whole else 0):
            shards.verify(index)
        return Vouched(self.digest, shards.verified)

    def _chunk(self, block: Block, start: int) -> GoldenChunk:
        roles = self.roles
        label, ids = roles.label, roles.sample_id
        stop = start + len(next(iter(block.values())))
        targets = {name: block[column] for name, column in roles.targets.items()}
        for name, column in roles.targets.items():
            if is_multilabel(column, targets[name].shape[1:]):
                _check_multilabel(self.table.where, targets[name], start)
        return GoldenChunk(
            slice(start, stop),
            {name: block[name] for name in roles.inputs},
            None if label is None else self._labels.indices(block[label], start),
            None if ids is None else block[ids].astype(np.str_).reshape(stop - start),
            targets,
            {name: block[column] for name, column in roles.metadata.items()},
        )

    def _spec(self, column: Column) -> TensorSpec:
        shape = (self.n_samples, *column.shape)
        return TensorSpec(column.name, column.dtype_name, shape)


def open_golden(spec: GoldenSpec, vouched: Vouched | None = None) -> GoldenSource:
    """Open golden data, in any form of `harness.golden.forms`.

    Reads headers and what else tells how many samples there are; a manifest's shards
    are digested when they are first read, other data whole, beside what comes next.

    Args:
        spec: The data, and how they are read.
        vouched: What `GoldenSource.vouch` told in another process: nothing is digested
            again that has not changed since.

    Raises:
        MissingGoldenError: The data are not there, or hold no samples.
        ManifestError: A manifest cannot be read or does not add up.
        GoldenError: Columns do not fit together, or cannot be read without pickle.
        SuiteError: An option of the suite is unknown, or not what is allowed.
    """
    if spec.url is not None:
        return _open_remote(spec.url, spec, vouched)
    options = Options(spec.options, vouched)
    naming = Naming(
        label=options.text("label"),
        sample_id=options.text("sample_id"),
        group=spec.group,
        targets=options.texts("targets"),
        metadata=spec.metadata,
    )
    table = open_table(spec.data, naming, options)
    options.done()
    digest = table.digest if vouched else beside(table.digest)
    table = replace(table, digest=digest, vouched=vouched)
    roles = assign(table.where, table.columns, naming, table.declared)
    if not roles.inputs:
        raise GoldenError(
            f"{table.where} has no input columns; it has {', '.join(table.columns)}",
            hint="store the samples under the model's input names, samples first",
        )
    classes = _classes(table, roles.label, spec.classes)
    notices = _preprocess_notice(table, spec)
    source = TableGolden(table, roles, classes, spec.options, notices)
    return source if spec.labels is None else LabelledGolden(source, spec.labels)


def _open_remote(url: str, spec: GoldenSpec, vouched: Vouched | None) -> GoldenSource:
    require_remote(url)
    from harness.golden.remote import open_remote

    return open_remote(url, spec, vouched, open_golden)


def _preprocess_notice(table: Table, spec: GoldenSpec) -> tuple[str, ...]:
    meant = table.preprocess_digest
    if meant is None or meant == preprocess_digest(spec.preprocess):
        return ()
    notice = (
        f"The golden set was made for preprocessing {meant[:12]}, the suite declares"
        f" {preprocess_digest(spec.preprocess)[:12]}: golden.preprocess is not what"
        " it was then."
    )
    return (notice,)


def _classes(
    table: Table, label: str | None, file: Path | None
) -> tuple[str, ...] | None:
    """Class names of a text file where there is one, else the data's own.

    Data whose labels are names may lack some of the classes.

    Raises:
        GoldenError: The file cannot be read, or counts other classes than the data.
    """
    if file is None:
        return table.class_names
    names, known = read_classes(file), table.class_names
    if label is not None and table.columns[label].dtype.kind == "U":
        return names
    if known is not None and len(known) != len(names):
        raise GoldenError(
            f"{file} names {len(names)} classes, {table.where} names {len(known)}",
            hint="give both the same classes, or leave golden.classes out",
        )
    return names


def _cut(block: GoldenChunk, rows: int) -> Iterator[GoldenChunk]:
    first, last = block.rows.start, block.rows.stop
    for at in range(0, last - first, rows):
        part = slice(at, min(at + rows, last - first))
        yield replace(
            block,
            rows=slice(first + part.start, first + part.stop),
            inputs=_part(block.inputs, part),
            labels=None if block.labels is None else block.labels[part],
            sample_ids=None if block.sample_ids is None else block.sample_ids[part],
            targets=_part(block.targets, part),
            metadata=_part(block.metadata, part),
        )


def _part(arrays: Arrays, part: slice) -> dict[str, Array]:
    return {name: array[part] for name, array in arrays.items()}


def _unused(roles: Roles) -> tuple[str, ...]:
    return tuple(f"golden array {name!r} is not used" for name in roles.unused)


def _check_multilabel(where: str, labels: Array, start: int) -> None:
    wrong = np.flatnonzero(((labels != 0) & (labels != 1)).any(axis=1))
    if wrong.size:
        sample = start + int(wrong[0])
        raise GoldenError(
            f"{where}: sample {sample} has labels {labels[wrong[0]].tolist()}",
            hint="two axes of labels hold a 0 or a 1 for each class",
        )
