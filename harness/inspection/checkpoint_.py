"""Facts of a TensorFlow checkpoint, from its index: a sorted table of keys.

The table is LevelDB's (tensorflow/core/lib/io/table_format.txt); its values are
BundleHeaderProto and BundleEntryProto (tensorflow/core/protobuf/tensor_bundle.proto).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.model_facts import DataFile
from harness.formats.malformed import Malformed
from harness.formats.wire import Message, mapped, varint
from harness.inspection.tally import Weights
from harness.inspection.tensorflow_graph import dtype_of, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

_FOOTER = 48
_TRAILER = 5
_MAX_KEYS = 2_000_000
_MAX_SHARDS = 10_000
# Of an object-based checkpoint: how its objects hang together.
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_GRAPH = "operators and inputs: a checkpoint holds weights, its .meta the graph"


def inspect_checkpoint(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a checkpoint: its prefix, its ``.index`` file, or its folder.

    Raises:
        Malformed: The index is cut short, damaged or compressed.
        OSError: It cannot be read.
    """
    index = index_of(path)
    weights, n_shards, objects = read_index(index)
    prefix = index.with_suffix("")
    shards = (f"{prefix.name}.data-{i:05d}-of-{n_shards:05d}" for i in range(n_shards))
    form = "objects (version 2)" if objects else "names (version 1 of the Saver)"
    return replace(
        facts,
        version=f"by {form}",
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        data_files=tuple(_data_file(index.parent, name) for name in shards),
        not_read=(_GRAPH,),
    )


def index_of(path: Path) -> Path:
    """The index of a checkpoint that is named in any way."""
    if path.is_dir():
        return max(path.glob("*.index"), key=lambda p: (p.stat().st_mtime_ns, p.name))
    return path if path.is_file() else path.with_name(f"{path.name}.index")


def read_index(index: Path) -> tuple[Weights, int, bool]:
    """Weights of a checkpoint, its number of data files, whether it has objects.

    Raises:
        Malformed: The index is cut short, damaged or compressed.
        OSError: It cannot be read.
    """
    weights, n_shards, objects = Weights(), 1, False
    with mapped(index) as data:
        for key, value in _entries(data):
            entry = Message(value)
            if not key:
                n_shards = entry.integer(1)
            elif key == _OBJECTS.encode():
                objects = True
            elif not entry.has(7):
                dtype = dtype_of(entry.integer(1))
                shape = [length or 0 for length in shape_of(entry.message(2)) or ()]
                counts = b"OPTIMIZER_SLOT" not in key and key != b"save_counter"
                weights.add(dtype, shape, is_parameter=counts)
    if not 0 < n_shards <= _MAX_SHARDS:
        raise Malformed(f"it has {n_shards} data files")
    return weights, n_shards, objects


def _entries(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of all blocks; the footer tells where their index lies."""
    if len(data) < _FOOTER:
        raise Malformed("its index is cut short")
    footer = data[len(data) - _FOOTER :]
    _, at = _handle(footer, 0)
    (offset, size), _ = _handle(footer, at)
    count = 0
    for _, handle in _block(data, offset, size):
        (start, length), _ = _handle(handle, 0)
        for entry in _block(data, start, length):
            count += 1
            if count > _MAX_KEYS:
                raise Malformed(f"it has more than {_MAX_KEYS:,} keys")
            yield entry


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(
    data: memoryview, start: int, size: int
) -> Iterator[tuple[bytes, memoryview]]:
    """Entries of one block: each key gives only what differs from the one before."""
    if start + size + _TRAILER > len(data):
        raise Malformed("a block of its index goes beyond the end")
    if data[start + size]:
        raise Malformed("its index is compressed, as no TensorFlow writes it")
    block = data[start : start + size]
    n_restarts = int.from_bytes(block[-4:], "little")
    end = size - 4 * (n_restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        own, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise Malformed("an entry of its index goes beyond its block")
        key = key[:shared] + bytes(block[at : at + own])
        yield key, block[at + own : at + own + length]
        at += own + length


def _data_file(folder: Path, name: str) -> DataFile:
    file = folder / name
    return DataFile(name, file.stat().st_size if file.is_file() else None)
