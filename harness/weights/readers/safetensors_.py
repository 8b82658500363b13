"""Weights of safetensors files, of one piece or in shards.

Format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.containment import path_inside
from harness.core.errors import ModelLoadError
from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed
from harness.formats.regions import Region, contiguous
from harness.formats.safetensors_header import read_header
from harness.weights.readers.faults import broken, reading
from harness.weights.readers.mapped import Mapped, dtype_of
from harness.weights.readers.uses import Beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import WeightTensor
    from harness.formats.safetensors_header import Entry

_MAX_INDEX = 64 << 20


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """Weights of a ``.safetensors`` file, or of all that an index file names.

    Complex numbers, empty tensors and integers of no known use are left out.

    Raises:
        ModelLoadError: A file is missing, cut short or damaged, a shard lacks a tensor
            that the index promises, or a tensor is packed closer than a byte.
        UnsafeModelError: The index names a file outside of its folder.
    """
    with reading(path, "safetensors file"):
        places = _sharded(path) if path.suffix == ".json" else _tensors(path)
    beside = Beside((name, entry.shape) for name, (_, entry) in places.items())
    found = [(name, _mapped(name, *place)) for name, place in places.items()]
    weights = (m.weight(beside.use(name)) for name, m in found if m is not None)
    return iter([weight for weight in weights if weight is not None])


def _tensors(path: Path) -> dict[str, tuple[Path, Entry]]:
    entries, _ = read_header(path)
    return {name: (path, entry) for name, entry in entries.items()}


def _sharded(index: Path) -> dict[str, tuple[Path, Entry]]:
    """``model.safetensors.index.json``: {"weight_map": {tensor: file}}."""
    if index.stat().st_size > _MAX_INDEX:
        raise Malformed("it is an index of more than 64 MiB")
    content = parse_json(index.read_bytes(), "its index")
    listed = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(listed, dict):
        raise Malformed("its index has no weight_map")
    shards: dict[str, dict[str, tuple[Path, Entry]]] = {}
    for file in sorted(set(map(str, listed.values()))):
        shard = path_inside(index.parent, file, f"{index}: a shard")
        with reading(shard, "safetensors file"):
            shards[file] = _tensors(shard)
    missing = [name for name, file in listed.items() if name not in shards[str(file)]]
    if missing:
        name = missing[0]
        raise ModelLoadError(
            f"{index} promises tensor {name!r} in {listed[name]}, which lacks it",
            hint="copy all shards of one export together",
        )
    return {name: shards[str(file)][name] for name, file in listed.items()}


def _mapped(name: str, path: Path, entry: Entry) -> Mapped | None:
    dtype = dtype_of(path, name, entry.dtype)
    if dtype is None or 0 in entry.shape:
        return None
    length = entry.stop - entry.start
    if length != np.prod(entry.shape, dtype=object) * dtype.itemsize:
        raise broken(
            path,
            name,
            f"has {length:,} bytes for shape {list(entry.shape)} of {entry.dtype}",
        )
    return Mapped(
        path=path,
        name=name,
        kind=entry.dtype,
        dtype=dtype.newbyteorder("<"),
        region=Region(path, entry.start, length),
        shape=entry.shape,
        strides=contiguous(entry.shape),
    )
