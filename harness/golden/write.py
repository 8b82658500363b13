"""Writers of golden data whose bytes depend on the data alone."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy

from harness.core.errors import GoldenError
from harness.core.files import replacing
from harness.core.provenance import sha256_of
from harness.golden.roles import is_metadata, is_target
from harness.golden.schema import (
    MANIFEST,
    ArrayRecord,
    Manifest,
    ShardRecord,
    write_record,
)
from harness.golden.writers import USUAL, writer_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

# The first date that zip can hold, and the mode of a plain file.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16
_UNIX = 3


def write_npz(path: Path, arrays: Arrays) -> None:
    """Write an ``.npz``, stored, without dates: same arrays, same bytes.

    Written whole or not at all. numpy.savez stamps the time of day into each member.

    Raises:
        GoldenError: An array holds Python objects.
        ReportError: The file cannot be written.
    """
    with replacing(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            _write_member(archive, name, array)


def write_manifest_folder(
    folder: Path,
    arrays: Arrays,
    *,
    name: str,
    rows_per_shard: int = 65_536,
    facts: Mapping[str, object] | None = None,
) -> Manifest:
    """Write arrays as a golden set: shards and ``manifest.json``.

    Args:
        folder: Made where it does not exist.
        arrays: Inputs by name, and where there are some ``label``, ``sample_id``,
            ``group``, ``slice_*``, ``target`` and ``target_*``; samples along the
            first axis.
        name: Of the set.
        rows_per_shard: Samples a shard.
        facts: ``class_names``, ``license``, ``source`` of the manifest.

    Raises:
        GoldenError: Arrays are of unequal length or hold Python objects.
        ReportError: A file cannot be written.
    """
    count = _common_length(arrays)
    starts = range(0, count, rows_per_shard)
    shards = tuple(
        write_shard(
            folder, i, {k: a[s : s + rows_per_shard] for k, a in arrays.items()}
        )
        for i, s in enumerate(starts)
    )
    known = {key: key for key in ("label", "sample_id") if key in arrays}
    targets = [key for key, array in arrays.items() if is_target(key, array.shape[1:])]
    metadata = [key for key in arrays if is_metadata(key)]
    other = {*known, *targets, *metadata}
    manifest = Manifest(
        name=name,
        n_samples=count,
        inputs=tuple(array_record(k, a) for k, a in arrays.items() if k not in other),
        shards=shards,
        label=known.get("label"),
        sample_id=known.get("sample_id"),
        targets=tuple(array_record(key, arrays[key]) for key in targets),
        metadata=tuple(array_record(key, arrays[key]) for key in metadata),
        **(facts or {}),  # type: ignore[arg-type]  # the record's own fields, by name
    )
    write_record(folder / MANIFEST, manifest)
    return manifest


def write_shard(
    folder: Path, index: int, arrays: Arrays, form: str = USUAL
) -> ShardRecord:
    """Write one shard, and tell what a manifest records of it.

    Args:
        folder: Where it goes.
        index: How many shards are in front of it.
        arrays: By names that tell their roles; axis 0 counts samples.
        form: Of `harness.golden.writers`.

    Raises:
        GoldenError: The form cannot hold an array, or is not installed.
        ReportError: The file cannot be written.
    """
    path = folder / f"shard-{index:03d}.{form}"
    writer_of(form)(path, arrays)
    rows = len(next(iter(arrays.values())))
    return ShardRecord(path.name, rows, sha256_of(path))


def array_record(name: str, array: Array) -> ArrayRecord:
    """What a manifest records of an array; axis 0 counts samples."""
    # Text is as wide as its longest word, which the next batch need not hold.
    dtype = "str" if array.dtype.kind == "U" else array.dtype.name
    return ArrayRecord(name, dtype, array.shape[1:])


def _write_member(archive: zipfile.ZipFile, name: str, array: Array) -> None:
    if array.dtype.hasobject:
        raise GoldenError(
            f"array {name!r} holds Python objects, which could only be pickled",
            hint="save it as numbers or as text: array.astype(str)",
        )
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    info.create_system, info.external_attr = _UNIX, _MODE
    # Sizes beyond 4 GiB need the long form, and it must not depend on the size.
    with archive.open(info, "w", force_zip64=True) as member:
        # Not ascontiguousarray: it gives a scalar an axis.
        npy.write_array(member, np.asarray(array, order="C"), allow_pickle=False)


def _common_length(arrays: Arrays) -> int:
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise GoldenError(
            f"arrays are of unequal length along the sample axis: {lengths}",
            hint="give as many labels as samples, samples along the first axis",
        )
    return next(iter(lengths.values()))
