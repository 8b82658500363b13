"""Files of a checkpoint: an index, data files, and a note of which is the latest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.backends.tensorflow_messages import read_message
from harness.core.errors import ModelLoadError
from harness.core.provenance import digest_of, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

# At the end of a table of keys and values: tensorflow/core/lib/io/format.h.
_TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
_SHARD = re.compile(r"\.data-(\d{5})-of-(\d{5})")


def prefix_of(path: Path) -> Path | None:
    """What the names of a checkpoint's files begin with; None where `path` is none.

    Args:
        path: The prefix itself, its ``.index``, a folder of checkpoints (the latest
            one counts), or the single file of the first format of all.

    Raises:
        ModelLoadError: The folder's note of its latest checkpoint is broken.
    """
    if (path / "checkpoint").is_file() and not (path / "saved_model.pb").is_file():
        return _latest(path)
    if path.suffix == ".index" and path.is_file():
        return path.with_suffix("")
    if path.is_file():
        return path if _is_table(path) else None
    return path if beside(path, ".index").is_file() else None


def check_files(prefix: Path) -> None:
    """Let a checkpoint pass all of whose files are there, its index whole.

    Raises:
        ModelLoadError: One is not.
    """
    index = beside(prefix, ".index")
    if index.is_file() and not _is_table(index):
        raise ModelLoadError(
            f"{index} is no checkpoint index, or cut short",
            hint="copy the checkpoint again, all of its files",
        )
    if not index.is_file() and not prefix.is_file():
        raise ModelLoadError(
            f"checkpoint {prefix} has no {index.name}",
            hint="copy the checkpoint again, all of its files",
        )
    if index.is_file() and (missing := _missing_shards(prefix)):
        raise ModelLoadError(
            f"checkpoint {prefix} lacks {missing}",
            hint="copy the checkpoint again, all of its files",
        )


def digest_facts(prefix: Path) -> dict[str, str]:
    """What the record says of all its files; the suite names one of them, or none."""
    files = {
        path.name: sha256_of(path)
        for path in prefix.parent.iterdir()
        if path.name.startswith(f"{prefix.name}.") or path == prefix
    }
    return {"checkpoint": prefix.name, "checkpoint_sha256": digest_of(files)}


def beside(path: Path, ending: str) -> Path:
    """The path with `ending` after its whole name."""
    return path.with_name(path.name + ending)


def _missing_shards(prefix: Path) -> str | None:
    """The first data file that is not there; their names tell how many there are."""
    names = {path.name.removeprefix(prefix.name) for path in prefix.parent.iterdir()}
    matches = sorted(filter(None, map(_SHARD.fullmatch, names)), key=lambda m: m[0])
    count = int(matches[0][2]) if matches else 1
    for shard in range(count):
        ending = f".data-{shard:05}-of-{count:05}"
        if ending not in names:
            return f"its data file {prefix.name}{ending}"
    return None


def _latest(folder: Path) -> Path:
    """The checkpoint that the folder's note names, by its name alone.

    The note may hold an absolute path of the machine that wrote it.
    """
    from tensorflow.python.training.checkpoint_state_pb2 import CheckpointState

    note = folder / "checkpoint"
    state = read_message(note, CheckpointState(), "note of the latest checkpoint")
    name: str = state.model_checkpoint_path.replace("\\", "/").rpartition("/")[2]
    if not name:
        raise ModelLoadError(
            f"{note} names no checkpoint", hint="name the checkpoint's .index instead"
        )
    return folder / name


def _is_table(path: Path) -> bool:
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - len(_TABLE_MAGIC)))
        return stream.read() == _TABLE_MAGIC
