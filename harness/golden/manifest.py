"""A manifest folder: shards of numpy arrays or Parquet, a sha256 each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.core.errors import ManifestError
from harness.golden.forms import PARQUET, require_form
from harness.golden.labels import checked_classes
from harness.golden.roles import Roles, is_metadata, metadata_name, target_name
from harness.golden.rows import Column, ShardSet
from harness.golden.schema import MANIFEST, Manifest, columns_of, read_record, shards_of
from harness.golden.stored import read_shards
from harness.golden.table import Table, require_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Block


def open_manifest(folder: Path, _naming: Naming, _options: Options) -> Table:
    """A folder with a ``manifest.json``.

    Raises:
        MissingGoldenError: Manifest, shards or samples are not there.
        ManifestError: The manifest cannot be read or does not add up.
        ChecksumError: The first shard is not what the manifest recorded.
    """
    return manifest_table(folder, read_record(folder / MANIFEST, Manifest))


def manifest_table(folder: Path, manifest: Manifest) -> Table:
    """The table that a manifest describes.

    Raises:
        MissingGoldenError: Shards or samples are not there.
        ManifestError: The manifest does not add up.
        ChecksumError: The first shard is not what the manifest recorded.
    """
    file = folder / MANIFEST
    shards = ShardSet(shards_of(file, manifest.shards))
    if shards.n_rows != manifest.n_samples:
        raise ManifestError(
            f"{file}: n_samples is {manifest.n_samples}, its shards hold"
            f" {shards.n_rows}",
            hint="write the set again, or restore it",
        )
    require_samples(shards.n_rows, folder)
    declared = _declared(manifest)
    recorded = (*manifest.inputs, *manifest.targets, *manifest.metadata)
    columns = {column.name: column for column in columns_of(file, recorded)}
    found = _first_columns(file, shards)
    # What is recorded without a shape is as the shards have it.
    columns = {**found, **columns}
    _require(folder, declared.known, found)
    names = manifest.class_names
    return Table(
        where=str(folder),
        columns=columns,
        n_rows=shards.n_rows,
        read=partial(_reader(file, shards), shards, columns),
        digest=manifest.digest,
        class_names=None if names is None else checked_classes(str(file), [*names]),
        declared=_with_usual(declared, found),
        preprocess_digest=manifest.preprocess_digest,
    )


def _declared(manifest: Manifest) -> Roles:
    return Roles(
        inputs=tuple(record.name for record in manifest.inputs),
        label=manifest.label,
        sample_id=manifest.sample_id,
        targets={target_name(r.name): r.name for r in manifest.targets},
        metadata={metadata_name(r.name): r.name for r in manifest.metadata},
    )


def _with_usual(declared: Roles, found: Iterable[str]) -> Roles:
    """Sets from before manifests told of metadata have them by their usual names."""
    usual = {metadata_name(name): name for name in found if is_metadata(name)}
    return Roles(
        declared.inputs,
        declared.label,
        declared.sample_id,
        declared.targets,
        {**usual, **declared.metadata},
    )


def _is_parquet(file: Path, shards: ShardSet) -> bool:
    """Whether the shards are Parquet; all of them are of one form."""
    kinds = {shard.path.suffix.lower() in PARQUET for shard in shards.shards}
    if len(kinds) > 1:
        raise ManifestError(
            f"{file} names shards of numpy arrays and of Parquet",
            hint="write all shards in one form",
        )
    return kinds.pop()


def _reader(file: Path, shards: ShardSet) -> Callable[..., Iterator[Block]]:
    if not _is_parquet(file, shards):
        return read_shards
    require_form("parquet", file)
    from harness.golden.parquet_ import read_parquet

    return read_parquet


def _first_columns(file: Path, shards: ShardSet) -> dict[str, Column]:
    if _is_parquet(file, shards):
        require_form("parquet", file)
        from harness.golden.parquet_ import parquet_columns

        shards.verify(0)
        return parquet_columns(shards.shards[0].path)[0]
    with shards.open(0) as first:
        headers = {name: first.header(name) for name in first.names}
    return {
        name: Column(name, header.dtype, header.shape[1:])
        for name, header in headers.items()
    }


def _require(folder: Path, names: Iterable[str], found: Mapping[str, Column]) -> None:
    for name in names:
        if name not in found:
            raise ManifestError(
                f"{folder}: the manifest names {name!r}, its first shard has"
                f" {', '.join(found)}",
                hint="write the set again, or correct the manifest",
            )
