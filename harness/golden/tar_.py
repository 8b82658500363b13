"""Shards in WebDataset's form: tar files, each sample's files one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import GoldenError
from harness.core.provenance import digest_of, sha256_of
from harness.golden.members import Decoder, is_about, is_picture, require_pictures
from harness.golden.roles import is_known
from harness.golden.rows import Column, Shard, ShardSet
from harness.golden.shard_names import shard_files
from harness.golden.table import Table, require_samples
from harness.golden.tar_index import packed_samples
from harness.golden.tar_reading import KEY, STRIDE, Reading, read_tar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import Array, IntArray
    from harness.golden.images import Rules
    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.tar_index import Packed

_KEYS = np.dtype("U64")


def open_tar(path: Path, naming: Naming, options: Options) -> Table:
    """One tar file, a folder of them, or several by a name with ``{000..009}``.

    Columns go by the names of a sample's files: ``7.jpg`` is ``image``, ``7.cls`` is
    ``label``, ``7.txt`` is ``text``, ``7.left.npy`` is ``left``, and ``7.json`` gives a
    column a key. The key, here ``7``, is the ``sample_id``. What ``.txt`` and
    ``.json`` tell is no input where there are others.

    Options: of images, as in a folder of images.

    Raises:
        MissingGoldenError: Shards or samples are not there.
        GoldenError: A shard is damaged, or holds what is no plain file.
        SuiteError: An option is not what is allowed.
    """
    files = shard_files(path)
    indices = [_indexed(file) for file in files]
    rows = [index.n_rows for index in indices]
    require_samples(sum(rows), path)
    filled = files[rows.index(next(filter(None, rows)))]
    first = next(packed_samples(filled))
    decoder = Decoder(_rules(first, path, options))
    columns, about = _columns(filled, first, decoder)
    left = _left_out(columns, about, naming)
    columns = {name: column for name, column in columns.items() if name not in left}
    shards = ShardSet([Shard(*pair) for pair in zip(files, rows, strict=True)])
    starts = {file: index.starts for file, index in zip(files, indices, strict=True)}
    unused = sorted({m.kind for m in first.members if decoder.column(m.kind) is None})
    return Table(
        where=str(path),
        columns=columns,
        n_rows=shards.n_rows,
        read=partial(read_tar, shards, columns, Reading(decoder, starts)),
        digest=partial(_digest, files),
        notices=(
            *(f"files .{kind} of samples are not used" for kind in unused),
            *(f"golden array {name!r} is not used" for name in left),
        ),
    )


def manifest_reading(path: Path, columns: Mapping[str, Column]) -> Reading:
    """How shards of a manifest are read: their index is made when they are.

    Args:
        path: Of one shard, for messages.
        columns: What the manifest records.
    """
    first = next(packed_samples(path), None)
    pictures = first is not None and any(is_picture(m.kind) for m in first.members)
    if not pictures:
        return Reading(Decoder(None), {})
    require_pictures(path)
    from harness.golden.images import Rules

    image = columns.get("image")
    gray = image is not None and image.shape[-1:] == (1,)
    rules = Rules(None, "L" if gray else "RGB", "none", "bilinear")
    return Reading(Decoder(rules), {})


def tar_columns(path: Path, *, keyed: bool) -> dict[str, Column]:
    """Columns of a shard's first sample; none where it has no sample.

    Args:
        path: The shard.
        keyed: Whether the keys of the samples are their names.

    Raises:
        GoldenError: It is damaged.
    """
    first = next(packed_samples(path), None)
    if first is None:
        return {}
    found, _ = _columns(path, first, manifest_reading(path, {}).decoder)
    return {name: c for name, c in found.items() if keyed or name != KEY}


@dataclass(frozen=True, slots=True)
class _Index:
    """How many samples a shard has, and where each `STRIDE`th begins."""

    n_rows: int
    starts: IntArray


def _indexed(path: Path) -> _Index:
    starts, n_rows = [], 0
    for sample in packed_samples(path):
        if n_rows % STRIDE == 0:
            starts.append(sample.start)
        n_rows += 1
    return _Index(n_rows, np.array(starts, np.int64))


def _rules(first: Packed, path: Path, options: Options) -> Rules | None:
    """How images become arrays; of the first one's size where none is declared."""
    if not any(is_picture(member.kind) for member in first.members):
        return None
    require_pictures(path)
    from harness.golden.images import rules_of

    return rules_of(options)


def _left_out(
    columns: Mapping[str, Column], about: set[str], naming: Naming
) -> list[str]:
    """What tells of samples and nobody names, where there are other inputs."""
    free = {n for n in columns if not is_known(n) and n not in naming.columns}
    return sorted(free & about) if free - about else []


def _columns(
    path: Path, first: Packed, decoder: Decoder
) -> tuple[dict[str, Column], set[str]]:
    """The columns of a first sample, and which of them only tell of it."""
    values: dict[str, Array] = {}
    about: set[str] = set()
    with path.open("rb") as stream:
        for member in first.members:
            if decoder.column(member.kind) is None:
                continue
            stream.seek(member.start)
            where = f"{path}: {first.key}.{member.kind}"
            found = decoder.values(stream.read(member.size), member.kind, where)
            about |= set(found) if is_about(member.kind) else set()
            if twice := sorted(set(found) & set(values)):
                raise GoldenError(
                    f"{where} gives the column {twice[0]!r}, which is there already",
                    hint="name every column once: 7.left.png, 7.right.png",
                )
            values |= found
    if decoder.rules is not None and decoder.rules.size is None:
        sizes = [a.shape[:2] for a in values.values() if a.ndim == 3]
        height, width = sizes[0]
        decoder.rules = replace(decoder.rules, size=(height, width))
    columns = {n: Column(n, array.dtype, array.shape) for n, array in values.items()}
    return {KEY: Column(KEY, _KEYS, ()), **columns}, about


def _digest(files: Sequence[Path]) -> str:
    digests = [sha256_of(file) for file in files]
    return digests[0] if len(digests) == 1 else digest_of(digests)
