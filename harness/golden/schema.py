"""The JSON files of golden data and recordings, as records."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 - the codec needs it at run time
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np

from harness.core.codec import from_json, to_json
from harness.core.errors import ManifestError, MissingGoldenError, ReportError
from harness.core.files import write_text
from harness.core.provenance import digest_of
from harness.golden.rows import Column, Shard

MANIFEST = "manifest.json"
RECORDING = "recording.json"
VERSION = 1

R = TypeVar("R", bound="Manifest | Recording")


@dataclass(frozen=True, slots=True)
class ArrayRecord:
    """One array of every shard.

    Attributes:
        name: Key in the shards.
        dtype: numpy dtype name.
        shape: Of one sample, without the sample axis.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """One file.

    Attributes:
        path: Relative to the folder of the JSON file, with ``/``.
        rows: Samples that it holds.
        sha256: Of the file, hex.
    """

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``manifest.json``: a golden set.

    Attributes:
        name: Of the set.
        n_samples: In all shards.
        inputs: Arrays that models are fed.
        shards: In the order of the samples.
        label: Key of the labels, None without labels.
        sample_id: Key of the samples' own names, None without them.
        class_names: In the order of the class indices.
        license: Of the data.
        source: Where the data come from.
        targets: Arrays of ground truth that is no class index.
        metadata: Arrays that slices and groups are made of.
        preprocess_digest: Of the preprocessing that the data are meant for; None
            where none is declared.
        provenance: How the set came about: what it was made from, and when.
    """

    name: str
    n_samples: int
    inputs: tuple[ArrayRecord, ...]
    shards: tuple[ShardRecord, ...]
    label: str | None = None
    sample_id: str | None = None
    class_names: tuple[str, ...] | None = None
    license: str | None = None
    source: str | None = None
    targets: tuple[ArrayRecord, ...] = ()
    metadata: tuple[ArrayRecord, ...] = ()
    preprocess_digest: str | None = None
    provenance: Mapping[str, str | int | None] = field(default_factory=dict)
    format: str = "golden-manifest"
    version: int = VERSION

    def digest(self) -> str:
        """Over the data alone: renaming the set or its licence changes nothing."""
        parts = to_json(self)
        keys = ["class_names", "inputs", "label", "sample_id"]
        # Sets from before there were these are still the same data.
        keys += [key for key in ("metadata", "targets") if parts[key]]
        shards = [(shard.rows, shard.sha256) for shard in self.shards]
        return digest_of([{key: parts[key] for key in keys}, shards])


@dataclass(frozen=True, slots=True)
class Update:
    """One time that a recording was replaced by another.

    Attributes:
        day: ISO date, UTC.
        reason: Why, in the words of who did it.
        summary: What changed: largest difference, decisions, what was run.
        model_sha256: Of the model that answered before.
    """

    day: str
    reason: str
    summary: str
    model_sha256: str


@dataclass(frozen=True, slots=True)
class Recording:
    """``recording.json``: outputs of one variant on a golden set.

    Attributes:
        variant: Name in the suite.
        model_sha256: Of the model that answered.
        data_digest: Of the golden data it was fed.
        preprocess_digest: Of the preprocessing before it.
        batch_size: Samples a call.
        runtime: What its session told of itself.
        outputs: What it answered.
        shards: In the order of the samples.
        cpu_flags: CPU features that change numbers, of the machine that answered;
            None in recordings from before they were kept.
        history: Why it is not what it was, the last update at the end.
    """

    variant: str
    model_sha256: str
    data_digest: str
    preprocess_digest: str
    batch_size: int
    runtime: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    outputs: tuple[ArrayRecord, ...] = ()
    shards: tuple[ShardRecord, ...] = ()
    cpu_flags: tuple[str, ...] | None = None
    history: tuple[Update, ...] = ()
    format: str = "golden-recording"
    version: int = VERSION


def read_record(file: Path, kind: type[R]) -> R:
    """Read `manifest.json` or `recording.json`.

    Raises:
        MissingGoldenError: The file does not exist.
        ManifestError: It is no such record, or of another version.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingGoldenError(
            f"{file} does not exist", hint="check the path, or create the data"
        ) from error
    except (OSError, ValueError) as error:
        raise _broken(file, f"is no JSON: {error}") from error
    expected = (kind.__dataclass_fields__["format"].default, VERSION)
    found = (value.get("format"), value.get("version")) if _is_table(value) else None
    if found != expected:
        raise _broken(file, f"has format and version {found}, expected {expected}")
    try:
        return from_json(kind, value)
    except ReportError as error:
        raise _broken(file, f"is not complete: {error.message}") from error


def shards_of(file: Path, records: tuple[ShardRecord, ...]) -> list[Shard]:
    """Where the shards of a record lie.

    Raises:
        ManifestError: A path leaves the record's folder, or a count is negative.
        MissingGoldenError: A shard does not exist.
    """
    for record in records:
        path = PurePosixPath(record.path)
        if path.is_absolute() or ".." in path.parts or record.rows < 0:
            raise _broken(file, f"names the shard {record.path!r} ({record.rows} rows)")
        if not _is_there(file.parent / path):
            raise MissingGoldenError(
                f"{file}: shard {record.path} does not exist",
                hint="copy the whole folder, or write the set again",
            )
    return [Shard(file.parent / r.path, r.rows, r.sha256) for r in records]


def _is_there(shard: Path) -> bool:
    try:
        return shard.is_file()
    except OSError:  # a name longer than the system allows, a folder that is closed
        return False


def columns_of(file: Path, records: tuple[ArrayRecord, ...]) -> list[Column]:
    """The arrays of a record, as numpy knows them.

    Raises:
        ManifestError: A dtype is none that can be stored without pickling.
    """
    return [Column(r.name, _dtype(file, r), r.shape) for r in records]


def write_record(file: Path, record: Manifest | Recording) -> None:
    """Write a record as JSON that diffs well: sorted keys, two spaces.

    Raises:
        ReportError: The file cannot be written.
    """
    write_text(file, json.dumps(to_json(record), indent=2, sort_keys=True) + "\n")


def _dtype(file: Path, record: ArrayRecord) -> np.dtype[Any]:
    try:
        dtype = np.dtype(record.dtype)
    except TypeError as error:
        message = f"array {record.name!r} has no dtype: {record.dtype!r}"
        raise _broken(file, message) from error
    if dtype.hasobject or min(record.shape, default=0) < 0:
        message = f"array {record.name!r} is {record.dtype} {record.shape}"
        raise _broken(file, message)
    return dtype


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _broken(file: Path, what: str) -> ManifestError:
    return ManifestError(f"{file} {what}", hint="write the set again, or restore it")
