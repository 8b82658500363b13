"""Recorded outputs: a model's answers on the golden data, kept for replay."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from harness.core.errors import InferenceError
from harness.golden.folders import swap, working_folder
from harness.golden.schema import RECORDING, Recording, write_record
from harness.golden.write import array_record, write_shard

if TYPE_CHECKING:
    from types import TracebackType

    from harness.core.protocols import Array, Arrays
    from harness.golden.schema import ArrayRecord, ShardRecord, Update

_SHARD_ROWS = 65_536
_SHARD_BYTES = 16 << 20


class RecordingWriter:
    """Writes a folder of recorded outputs, batch by batch.

    ::

        with RecordingWriter(folder, Recording(variant=..., ...)) as writer:
            for outputs in answers:
                writer.append(outputs)

    Holds one shard at most (16 MiB). How samples came in batches leaves no trace in
    the files. They appear under `folder`, in place of an older recording, when the
    block ends without error; else nothing changes.

    Args:
        folder: Where the recording goes.
        recording: What is known beforehand; outputs and shards are filled in.
    """

    def __init__(self, folder: Path, recording: Recording) -> None:
        self._folder = folder
        self._recording = recording
        self._work = Path()
        self._outputs: tuple[ArrayRecord, ...] = ()
        self._shards: list[ShardRecord] = []
        self._waiting: list[Arrays] = []
        self._rows = 0
        self._limit = 0

    def append(self, outputs: Arrays) -> None:
        """Record the answers on the next samples.

        Args:
            outputs: Output name -> array, samples along axis 0; kept, not copied.

        Raises:
            InferenceError: Names, dtypes or shapes are not those of the first batch,
                or outputs count their samples differently.
        """
        record = tuple(array_record(name, array) for name, array in outputs.items())
        lengths = {len(array) for array in outputs.values()}
        self._outputs = self._outputs or record
        if record != self._outputs or len(lengths) != 1:
            raise InferenceError(
                f"cannot record outputs {_shown(record)} of {sorted(lengths)} samples"
                f" after outputs {_shown(self._outputs)}",
                hint="record a model whose outputs have one shape for all samples",
            )
        self._limit = self._limit or _rows_per_shard(outputs)
        self._waiting.append(outputs)
        self._rows += lengths.pop()
        while self._rows >= self._limit:
            self._flush(self._limit)

    def remember(self, history: tuple[Update, ...]) -> None:
        """Keep why the recording is not what it was."""
        self._recording = replace(self._recording, history=history)

    def __enter__(self) -> Self:
        self._work = working_folder(self._folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    def _finish(self) -> None:
        if self._rows:
            self._flush(self._rows)
        recording = replace(
            self._recording, outputs=self._outputs, shards=tuple(self._shards)
        )
        write_record(self._work / RECORDING, recording)
        swap(self._work, self._folder)

    def _flush(self, rows: int) -> None:
        names = [record.name for record in self._outputs]
        whole = {n: np.concatenate([part[n] for part in self._waiting]) for n in names}
        shard = {name: array[:rows] for name, array in whole.items()}
        self._shards.append(write_shard(self._work, len(self._shards), shard))
        self._waiting = [{name: array[rows:] for name, array in whole.items()}]
        self._rows -= rows


def _rows_per_shard(outputs: Arrays) -> int:
    row_bytes = sum(_row_bytes(array) for array in outputs.values()) or 1
    return max(1, min(_SHARD_ROWS, _SHARD_BYTES // row_bytes))


def _row_bytes(array: Array) -> int:
    return array.nbytes // max(1, len(array))


def _shown(records: tuple[ArrayRecord, ...]) -> str:
    shown = (f"{record.name} {record.dtype} {record.shape}" for record in records)
    return f"({'; '.join(shown)})"
