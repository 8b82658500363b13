"""The replay backend: answers that were recorded, in place of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import GoldenError, MissingGoldenError, SuiteError
from harness.core.protocols import TensorSpec
from harness.core.provenance import sha256_of
from harness.golden.npz import ArrayFile
from harness.golden.rows import Column, RowReader, Shard, ShardSet, block_rows
from harness.golden.schema import (
    RECORDING,
    VERSION,
    Recording,
    columns_of,
    read_record,
    shards_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, Runtime

# Read at once by who asks for less. Every variant holds as much: no more than makes
# up for a read's own cost.
_BLOCK_BYTES = 256 << 10
_RECORD_AGAIN = "record the whole golden set again: harness record SUITE"


def open_session(path: Path, options: Mapping[str, object]) -> ReplaySession:
    """Open recorded outputs.

    Args:
        path: A folder with ``recording.json``, or an ``.npz`` or ``.npy`` of outputs,
            samples along the first axis.
        options: None are known.

    Raises:
        SuiteError: An option is given.
        MissingGoldenError: The recording, or a shard of it, does not exist.
        ManifestError: ``recording.json`` is not one.
        GoldenError: Arrays cannot be read, or are of unequal length.
    """
    if options:
        raise SuiteError(
            f"backend 'replay' has no option {next(iter(options))!r}",
            hint="leave options out: a recording has none",
        )
    if path.is_dir():
        return _open_recording(path)
    return _open_arrays(path)


class ReplaySession:
    """Recorded outputs; see `harness.core.protocols.Session`.

    Reads a block ahead (about 256 KiB), so batches in order are read once.

    Args:
        shards: The recorded rows.
        columns: One an output.
        runtime: What is known of how they were made.
    """

    def __init__(
        self, shards: ShardSet, columns: tuple[Column, ...], runtime: Runtime
    ) -> None:
        self.inputs: tuple[TensorSpec, ...] = ()
        self.outputs = tuple(
            TensorSpec(c.name, c.dtype_name, (None, *c.shape)) for c in columns
        )
        self.runtime = runtime
        self.batch_size: int | None = None
        self._shards = shards
        self._columns = columns
        self._reader = RowReader(shards, columns)
        self._window: dict[str, Array] = {}
        self._start = self._stop = 0

    def run(self, feeds: Arrays, rows: slice) -> dict[str, Array]:  # noqa: ARG002 - a recording needs the rows alone
        """The recorded answers on `rows`, copies.

        Raises:
            MissingGoldenError: Fewer samples were recorded.
            ChecksumError: A shard is not what was recorded.
            GoldenError: A shard is damaged.
        """
        if not self._start <= rows.start <= rows.stop <= self._stop:
            self._read(rows.start, rows.stop)
        begin, end = rows.start - self._start, rows.stop - self._start
        return {n: array[begin:end].copy() for n, array in self._window.items()}

    def close(self) -> None:
        """Close the shard that is open; it is opened again where a run needs it."""
        self._seek(0)

    def _seek(self, row: int) -> None:
        self._reader.close()
        self._reader = RowReader(self._shards, self._columns, row)
        self._window, self._start, self._stop = {}, row, row

    def _read(self, start: int, stop: int) -> None:
        if stop > self._shards.n_rows:
            raise MissingGoldenError(
                f"samples {start} to {stop - 1} are asked for, and"
                f" {self._shards.n_rows} were recorded",
                hint=_RECORD_AGAIN,
            )
        if not self._start <= start <= self._stop:
            self._seek(start)
        # What is left of the old block is kept: going back in a packed shard would
        # mean to unpack it from its start.
        kept = {n: array[start - self._start :] for n, array in self._window.items()}
        ahead = max(stop - self._stop, block_rows(self._columns, 1, _BLOCK_BYTES))
        count = min(ahead, self._shards.n_rows - self._stop)
        fresh = self._reader.read(count)
        self._start, self._stop = start, self._stop + count
        self._window = {
            n: np.concatenate([kept[n], fresh[n]]) if n in kept else fresh[n]
            for n in fresh
        }


def _open_recording(folder: Path) -> ReplaySession:
    file = folder / RECORDING
    recording = read_record(file, Recording)
    shards = ShardSet(shards_of(file, recording.shards))
    runtime: Runtime = {
        "backend": "replay",
        "version": str(VERSION),
        "variant": recording.variant,
        "model_sha256": recording.model_sha256,
        "data_digest": recording.data_digest,
        "preprocess_digest": recording.preprocess_digest,
        "batch_size": recording.batch_size,
        **{f"recorded.{key}": value for key, value in recording.runtime.items()},
    }
    return ReplaySession(shards, tuple(columns_of(file, recording.outputs)), runtime)


def _open_arrays(path: Path) -> ReplaySession:
    with ArrayFile(path) as file:
        headers = {name: file.header(name) for name in file.names}
    lengths = {n: h.shape[0] if h.shape else None for n, h in headers.items()}
    rows = next(iter(lengths.values()), None)
    if rows is None or set(lengths.values()) != {rows}:
        raise GoldenError(
            f"{path}: outputs are of unequal length along the sample axis: {lengths}",
            hint="save the outputs of all samples, samples along the first axis",
        )
    columns = tuple(Column(n, h.dtype, h.shape[1:]) for n, h in headers.items())
    runtime: Runtime = {
        "backend": "replay",
        "version": str(VERSION),
        "outputs_sha256": sha256_of(path),
    }
    return ReplaySession(ShardSet([Shard(path, rows)]), columns, runtime)
