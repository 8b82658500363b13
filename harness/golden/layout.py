"""Which arrays of golden data are inputs, labels and names."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.errors import GoldenError, ManifestError, MissingGoldenError
from harness.core.provenance import sha256_of
from harness.golden.labels import (
    LABEL_KEYS,
    check_labels,
    checked_classes,
    read_classes,
)
from harness.golden.npz import ArrayFile, ArrayHeader
from harness.golden.rows import Column, Shard, ShardSet
from harness.golden.schema import MANIFEST, Manifest, columns_of, read_record, shards_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_CLASSES = ("label_names", "classes")
_SAMPLE_ID = "sample_id"


@dataclass(frozen=True, slots=True)
class Layout:
    """Which arrays of the data are what.

    Attributes:
        where: What messages call the data.
        inputs: Arrays that models are fed.
        label: None without labels.
        sample_id: None where samples have no names.
        class_names: None where there are none.
        notices: What a reader should know.
        digest: Gives the sha256 over the data, hex.
        whole: Whether the arrays are one sample as they stand.
    """

    where: str
    inputs: tuple[Column, ...]
    label: Column | None
    sample_id: Column | None
    class_names: tuple[str, ...] | None
    notices: tuple[str, ...]
    digest: Callable[[], str]
    whole: bool = False

    @property
    def columns(self) -> list[Column]:
        """All arrays that are read."""
        extra = (self.label, self.sample_id)
        return [*self.inputs, *(column for column in extra if column is not None)]


def folder_layout(folder: Path) -> tuple[Layout, ShardSet]:
    """A folder with a manifest.

    Raises:
        MissingGoldenError: Manifest, shards or samples are not there.
        ManifestError: The manifest cannot be read or does not add up.
        ChecksumError: The first shard is not what the manifest recorded.
        GoldenError: The labels cannot be labels.
    """
    file = folder / MANIFEST
    manifest = read_record(file, Manifest)
    shards = ShardSet(shards_of(file, manifest.shards))
    if shards.n_rows != manifest.n_samples:
        raise ManifestError(
            f"{file}: n_samples is {manifest.n_samples}, its shards hold"
            f" {shards.n_rows}",
            hint="write the set again, or restore it",
        )
    _require_samples(shards.n_rows, folder)
    with shards.open(0) as first:
        headers = {name: first.header(name) for name in first.names}
    declared = {*(r.name for r in manifest.inputs), manifest.label, manifest.sample_id}
    names = manifest.class_names
    layout = Layout(
        where=str(folder),
        inputs=tuple(columns_of(file, manifest.inputs)),
        label=_label(headers, manifest.label, folder),
        sample_id=_column(headers, manifest.sample_id, folder),
        class_names=None if names is None else checked_classes(str(file), [*names]),
        notices=tuple(
            f"golden array {name!r} is not in the manifest and is not used"
            for name in headers
            if name not in declared and not _is_known(name)
        ),
        digest=manifest.digest,
    )
    return layout, shards


def file_layout(path: Path) -> tuple[Layout, ShardSet]:
    """One ``.npz`` or ``.npy`` file.

    Arrays whose first axes differ, with no labels or names of samples to count by,
    are one sample as they stand: a sequence and its initial state, say.

    Raises:
        MissingGoldenError: The file or samples are not there.
        GoldenError: It cannot be read, or it has not as many labels as samples.
    """
    with ArrayFile(path) as file:
        headers = {name: file.header(name) for name in file.names}
        class_key = next((key for key in _CLASSES if key in headers), None)
        names = None if class_key is None else _class_names(file, class_key)
    label = next((key for key in LABEL_KEYS if key in headers), None)
    sample_id = _SAMPLE_ID if _SAMPLE_ID in headers else None
    free = {n: h for n, h in headers.items() if n != class_key and not _is_known(n)}
    if label is None and sample_id is None and _differ(free):
        return _whole_layout(path, free, names)
    count = _count(headers, [label, sample_id], free, path)
    _require_samples(count, path)
    inputs = {n: h for n, h in free.items() if h.shape[:1] == (count,)}
    unused = [n for n in headers if n in LABEL_KEYS and n != label]
    unused += [n for n in free if n not in inputs]
    layout = Layout(
        where=str(path),
        inputs=tuple(Column(n, h.dtype, h.shape[1:]) for n, h in inputs.items()),
        label=_label(headers, label, path),
        sample_id=_column(headers, sample_id, path),
        class_names=names,
        notices=tuple(
            f"golden array {n!r} {headers[n].shape} is not used" for n in unused
        ),
        digest=_digested(path),
    )
    return layout, ShardSet([Shard(path, count)])


def _whole_layout(
    path: Path, arrays: Mapping[str, ArrayHeader], names: tuple[str, ...] | None
) -> tuple[Layout, ShardSet]:
    _require_samples(min(math.prod(header.shape) for header in arrays.values()), path)
    shown = ", ".join(f"{name} {header.shape}" for name, header in arrays.items())
    notice = (
        f"golden arrays have different first axes ({shown}):"
        " together they are one sample as it stands"
    )
    layout = Layout(
        where=str(path),
        inputs=tuple(Column(n, h.dtype, h.shape) for n, h in arrays.items()),
        label=None,
        sample_id=None,
        class_names=names,
        notices=(notice,),
        digest=_digested(path),
        whole=True,
    )
    return layout, ShardSet([Shard(path, 1)])


def _differ(arrays: Mapping[str, ArrayHeader]) -> bool:
    return len({header.shape[0] for header in arrays.values() if header.shape}) > 1


def with_classes(layout: Layout, file: Path) -> Layout:
    """The layout with the class names of a text file.

    Raises:
        GoldenError: The file cannot be read, or counts other classes than the data.
    """
    names = read_classes(file)
    known = layout.class_names
    if known is not None and len(known) != len(names):
        raise GoldenError(
            f"{file} names {len(names)} classes, {layout.where} names {len(known)}",
            hint="give both the same classes, or leave golden.classes out",
        )
    return replace(layout, class_names=names)


def _count(
    headers: Mapping[str, ArrayHeader],
    anchors: list[str | None],
    free: Mapping[str, ArrayHeader],
    path: Path,
) -> int:
    """Samples: as many as labels or sample names, else as all arrays agree on."""
    named = [name for name in anchors if name is not None]
    counts = {n: h.shape[0] for n, h in free.items() if h.shape}
    anchored = {n: headers[n].shape[0] for n in named if headers[n].shape}
    if not counts:
        raise GoldenError(
            f"{path} has no input arrays; its keys are {', '.join(headers) or 'none'}",
            hint="save the samples under the model's input names, samples first",
        )
    allowed = set(anchored.values()) or set(counts.values())
    if len(allowed) > 1 or not allowed & set(counts.values()):
        lengths = ", ".join(f"{n} {c}" for n, c in {**counts, **anchored}.items())
        raise GoldenError(
            f"{path}: arrays are of unequal length along the sample axis: {lengths}",
            hint="save as many labels as samples, samples along the first axis",
        )
    return allowed.pop()


def _require_samples(count: int, path: Path) -> None:
    if count == 0:
        raise MissingGoldenError(
            f"{path} has no samples",
            hint="add samples: an empty golden set would pass every model",
        )


def _label(
    headers: Mapping[str, ArrayHeader], key: str | None, path: Path
) -> Column | None:
    column = _column(headers, key, path)
    if column is not None:
        check_labels(f"{path}: {column.name}", column.dtype, column.shape)
    return column


def _column(
    headers: Mapping[str, ArrayHeader], key: str | None, path: Path
) -> Column | None:
    if key is None:
        return None
    if key not in headers:
        raise ManifestError(
            f"{path}: the manifest names {key!r}, its first shard has"
            f" {', '.join(headers)}",
            hint="write the set again, or correct the manifest",
        )
    return Column(key, headers[key].dtype, headers[key].shape[1:])


def _class_names(file: ArrayFile, key: str) -> tuple[str, ...]:
    where = f"{file.path}: {key}"
    if len(file.header(key).shape) != 1:
        raise GoldenError(
            f"{where} has shape {file.header(key).shape}",
            hint="give class names as an array of one axis",
        )
    return checked_classes(where, [str(name) for name in file.read(key).tolist()])


def _is_known(name: str) -> bool:
    """Columns of golden data that are no model's input."""
    return name in (*LABEL_KEYS, _SAMPLE_ID, "group") or name.startswith("slice_")


def _digested(path: Path) -> Callable[[], str]:
    """The file's digest, computed beside whatever comes next."""
    pool = ThreadPoolExecutor(1, "digest")
    coming = pool.submit(sha256_of, path)
    pool.shutdown(wait=False)
    return coming.result
