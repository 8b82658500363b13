"""Golden data of any form -> a manifest folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.core.errors import GoldenError
from harness.core.specs import Preprocess
from harness.golden.folders import replacing_folder
from harness.golden.preprocess import preprocess_digest
from harness.golden.roles import GROUP
from harness.golden.schema import MANIFEST, Manifest, write_record
from harness.golden.source import open_golden
from harness.golden.write import array_record, write_shard
from harness.golden.writers import USUAL, writer_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, GoldenChunk, GoldenSource
    from harness.core.specs import GoldenSpec
    from harness.golden.schema import ShardRecord

_SHARD_ROWS = 65_536
_SHARD_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class About:
    """What a manifest says beside the data.

    Attributes:
        name: Of the set.
        license: Of the data.
        source: Where the data come from, for readers.
        provenance: How the set came about.
    """

    name: str
    license: str | None = None
    source: str | None = None
    provenance: Mapping[str, str | int | None] = field(default_factory=dict)


def create(
    spec: GoldenSpec,
    folder: Path,
    about: About,
    *,
    shard_rows: int | None = None,
    overwrite: bool = False,
    form: str = USUAL,
) -> Manifest:
    """Write golden data of any form as a manifest folder: same data, same bytes.

    Holds one shard in memory. The folder appears whole or not at all.

    Args:
        spec: The data, and how they are read.
        folder: Where the set goes.
        about: What the manifest says beside.
        shard_rows: Samples a shard; None makes shards of at most 64 MiB.
        overwrite: Whether a set that is there is replaced.
        form: Of the shards; of `harness.golden.writers`.

    Returns:
        What was written to ``manifest.json``.

    Raises:
        GoldenError: The data are wrong, or the folder is there and not to be replaced.
        ReportError: The folder cannot be written.
    """
    if folder.exists() and not overwrite:
        raise GoldenError(
            f"{folder} exists already", hint="name another folder, or add --replace"
        )
    writer_of(form)  # said before anything is read
    source = open_golden(spec)
    rows = shard_rows or _rows_per_shard(source)
    manifest = Manifest(
        name=about.name,
        n_samples=source.n_samples,
        inputs=(),
        shards=(),
        class_names=source.class_names,
        license=about.license,
        source=about.source,
        preprocess_digest=_declared(spec),
        provenance={"source_digest": source.digest, **about.provenance},
    )
    with replacing_folder(folder) as work:
        shards: list[ShardRecord] = []
        for index, chunk in enumerate(source.chunks(rows)):
            shards.append(write_shard(work, index, _stored(chunk), form))
            manifest = _described(manifest, chunk) if index == 0 else manifest
        manifest = replace(manifest, shards=tuple(shards))
        write_record(work / MANIFEST, manifest)
    return manifest


def _declared(spec: GoldenSpec) -> str | None:
    if spec.preprocess == Preprocess():
        return None
    return preprocess_digest(spec.preprocess)


def _stored(chunk: GoldenChunk) -> dict[str, Array]:
    """The arrays of a shard, under the names that tell their roles."""
    arrays = dict(chunk.inputs)
    if chunk.labels is not None:
        arrays["label"] = chunk.labels
    if chunk.sample_ids is not None:
        arrays["sample_id"] = chunk.sample_ids
    arrays |= {_target_key(name): array for name, array in chunk.targets.items()}
    arrays |= {_metadata_key(n): array for n, array in chunk.metadata.items()}
    return arrays


def _target_key(name: str) -> str:
    return name if name in ("labels", "target") else f"target_{name}"


def _metadata_key(name: str) -> str:
    return name if name == GROUP else f"slice_{name}"


def _described(manifest: Manifest, chunk: GoldenChunk) -> Manifest:
    targets = {_target_key(name): array for name, array in chunk.targets.items()}
    metadata = {_metadata_key(n): array for n, array in chunk.metadata.items()}
    return replace(
        manifest,
        inputs=tuple(array_record(n, a) for n, a in chunk.inputs.items()),
        label=None if chunk.labels is None else "label",
        sample_id=None if chunk.sample_ids is None else "sample_id",
        targets=tuple(array_record(n, a) for n, a in targets.items()),
        metadata=tuple(array_record(n, a) for n, a in metadata.items()),
    )


def _rows_per_shard(source: GoldenSource) -> int:
    first = next(source.chunks(1))
    row_bytes = sum(array.nbytes for array in _stored(first).values())
    return max(1, min(_SHARD_ROWS, _SHARD_BYTES // max(1, row_bytes)))
