"""Golden data as a stream of chunks, whatever form it lies in."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import GoldenError
from harness.core.protocols import GoldenChunk, TensorSpec
from harness.golden.labelled import LabelledGolden
from harness.golden.labels import Labels
from harness.golden.layout import file_layout, folder_layout, with_classes
from harness.golden.rows import RowReader, block_rows, native

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array, GoldenSource
    from harness.core.specs import GoldenSpec
    from harness.golden.layout import Layout
    from harness.golden.rows import Column, ShardSet


class ShardedGolden:
    """A golden set; see `harness.core.protocols.GoldenSource`.

    Args:
        layout: Which arrays are what.
        shards: Where they lie.
    """

    def __init__(self, layout: Layout, shards: ShardSet) -> None:
        self._layout = layout
        self._shards = shards
        self._labels = Labels(layout.where, layout.class_names)
        self.n_samples = shards.n_rows
        self.inputs = tuple(self._spec(column) for column in layout.inputs)
        self.class_names = layout.class_names
        self.has_labels = layout.label is not None
        self.notices = layout.notices

    @property
    def digest(self) -> str:
        """sha256 over the data, hex."""
        return self._layout.digest()

    def chunks(self, rows: int) -> Iterator[GoldenChunk]:
        """Chunks of exactly `rows` samples, the last one shorter; in order.

        Arrays are views of a block of about 2 MiB that is read at once.

        Raises:
            ValueError: `rows` is less than 1.
            ChecksumError: A shard is not what the manifest recorded.
            GoldenError: A shard is damaged, or a label is out of range.
        """
        if rows < 1:
            raise ValueError(f"a chunk has at least one row, not {rows}")
        columns = self._layout.columns
        step = block_rows(columns, rows)
        with closing(RowReader(self._shards, columns)) as reader:
            for start in range(0, self.n_samples, step):
                block = reader.read(min(step, self.n_samples - start))
                yield from self._cut(self._chunk(block, start), rows)

    def _chunk(self, block: dict[str, Array], start: int) -> GoldenChunk:
        layout = self._layout
        inputs = {column.name: block[column.name] for column in layout.inputs}
        labels, ids = layout.label, layout.sample_id
        stop = start + next(iter(block.values())).shape[0]
        return GoldenChunk(
            slice(start, stop),
            inputs,
            None if labels is None else self._labels.indices(block[labels.name], start),
            None if ids is None else block[ids.name].astype(np.str_),
        )

    def _cut(self, block: GoldenChunk, rows: int) -> Iterator[GoldenChunk]:
        inputs, labels, ids = block.inputs.items(), block.labels, block.sample_ids
        first, last = block.rows.start, block.rows.stop
        for at in range(0, last - first, rows):
            end = min(at + rows, last - first)
            yield GoldenChunk(
                slice(first + at, first + end),
                {name: array[at:end] for name, array in inputs},
                None if labels is None else labels[at:end],
                None if ids is None else ids[at:end],
            )

    def _spec(self, column: Column) -> TensorSpec:
        return TensorSpec(
            column.name, column.dtype_name, (self.n_samples, *column.shape)
        )


class WholeGolden(ShardedGolden):
    """One sample as it stands: arrays whose first axes differ; see `ShardedGolden`."""

    def chunks(self, rows: int) -> Iterator[GoldenChunk]:
        """The one sample, behind a sample axis of its own.

        Raises:
            ValueError: `rows` is less than 1.
            GoldenError: The file is damaged.
        """
        if rows < 1:
            raise ValueError(f"a chunk has at least one row, not {rows}")
        with self._shards.open(0) as file:
            names = [column.name for column in self._layout.inputs]
            inputs = {name: native(file.read(name))[np.newaxis] for name in names}
        yield GoldenChunk(slice(0, 1), inputs, None, None)


def open_golden(spec: GoldenSpec) -> GoldenSource:
    """Open golden data: an ``.npz`` or ``.npy`` file, or a manifest folder.

    Reads the manifest and headers; an npz is digested whole, a manifest's shards when
    they are first read.

    Raises:
        MissingGoldenError: The data are not there, or hold no samples.
        ManifestError: The manifest cannot be read or does not add up.
        GoldenError: Arrays do not fit together, or cannot be read without pickle.
    """
    if spec.data.is_dir():
        layout, shards = folder_layout(spec.data)
    elif spec.data.suffix.lower() in {".npz", ".npy"} or not spec.data.exists():
        layout, shards = file_layout(spec.data)
    else:
        raise GoldenError(
            f"golden data {spec.data} is neither a manifest folder nor an .npz file",
            hint="write the samples with numpy.savez, samples along the first axis",
        )
    if spec.classes is not None:
        layout = with_classes(layout, spec.classes)
    source = (WholeGolden if layout.whole else ShardedGolden)(layout, shards)
    return source if spec.labels is None else LabelledGolden(source, spec.labels)
