"""A manifest folder: shards of numpy arrays, Parquet or tar, a sha256 each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.core.errors import ManifestError
from harness.golden.forms import PARQUET, TAR, require_form
from harness.golden.labels import checked_classes
from harness.golden.roles import Roles, is_metadata, metadata_name, target_name
from harness.golden.rows import Column, ShardSet
from harness.golden.schema import MANIFEST, Manifest, columns_of, read_record, shards_of
from harness.golden.stored import read_shards
from harness.golden.table import Table, require_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.core.vouched import Vouched
    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Block

_KINDS = {**dict.fromkeys(PARQUET, "parquet"), TAR: "tar"}


def open_manifest(folder: Path, _naming: Naming, options: Options) -> Table:
    """A folder with a ``manifest.json``.

    Raises:
        MissingGoldenError: Manifest, shards or samples are not there.
        ManifestError: The manifest cannot be read or does not add up.
        ChecksumError: The first shard is not what the manifest recorded.
    """
    manifest = read_record(folder / MANIFEST, Manifest)
    return manifest_table(folder, manifest, options.vouched)


def manifest_table(
    folder: Path, manifest: Manifest, vouched: Vouched | None = None
) -> Table:
    """The table that a manifest describes.

    Args:
        folder: Where its shards lie.
        manifest: What was recorded.
        vouched: What another process has made sure of.

    Raises:
        MissingGoldenError: Shards or samples are not there.
        ManifestError: The manifest does not add up.
        ChecksumError: The first shard is not what the manifest recorded.
    """
    file = folder / MANIFEST
    known = None if vouched is None else vouched.shards
    shards = ShardSet(shards_of(file, manifest.shards), known)
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
    found = _first_columns(file, shards, keyed=manifest.sample_id is not None)
    # What is recorded without a shape is as the shards have it.
    columns = {**found, **columns}
    _require(folder, declared.known, found)
    names = manifest.class_names
    return Table(
        where=str(folder),
        columns=columns,
        n_rows=shards.n_rows,
        read=_reader(file, shards, columns),
        digest=manifest.digest,
        class_names=None if names is None else checked_classes(str(file), [*names]),
        declared=_with_usual(declared, found),
        preprocess_digest=manifest.preprocess_digest,
        shards=shards,
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


def _kind(file: Path, shards: ShardSet) -> str:
    """The form of the shards; all of them are of one."""
    kinds = {_KINDS.get(shard.path.suffix.lower(), "numpy") for shard in shards.shards}
    if len(kinds) > 1:
        raise ManifestError(
            f"{file} names shards of different forms: {', '.join(sorted(kinds))}",
            hint="write all shards in one form",
        )
    kind = kinds.pop()
    require_form(kind, file)
    return kind


def _reader(
    file: Path, shards: ShardSet, columns: Mapping[str, Column]
) -> Callable[[Sequence[str], int, slice], Iterator[Block]]:
    kind = _kind(file, shards)
    if kind == "parquet":
        from harness.golden.parquet_ import read_parquet

        return partial(read_parquet, shards, columns)
    if kind == "tar":
        from harness.golden.tar_ import manifest_reading
        from harness.golden.tar_reading import read_tar

        reading = manifest_reading(shards.shards[0].path, columns)
        return partial(read_tar, shards, columns, reading)
    return partial(read_shards, shards, columns)


def _first_columns(file: Path, shards: ShardSet, *, keyed: bool) -> dict[str, Column]:
    kind = _kind(file, shards)
    if kind != "numpy":
        shards.verify(0)
    if kind == "parquet":
        from harness.golden.parquet_ import parquet_columns

        return parquet_columns(shards.shards[0].path)[0]
    if kind == "tar":
        from harness.golden.tar_ import tar_columns

        return tar_columns(shards.shards[0].path, keyed=keyed)
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
