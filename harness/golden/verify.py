"""What is wrong with golden data, all of it, and what mends it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import ChecksumError, GoldenError, MissingGoldenError
from harness.golden.fingerprints import text_hashes
from harness.golden.forms import form_of
from harness.golden.manifest import manifest_table
from harness.golden.roles import Naming, assign
from harness.golden.schema import MANIFEST, Manifest, read_record
from harness.golden.source import TableGolden, open_golden
from harness.golden.writers import USUAL, form_of_shard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import GoldenSource, IntArray
    from harness.core.specs import GoldenSpec

_ROWS = 256


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        message: What, with file, key or row.
        mend: The command, or the step, that mends it.
    """

    message: str
    mend: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at all of the data found.

    Attributes:
        n_samples: Samples that the data say they hold.
        n_shards: Files of a manifest folder; 1 for other forms.
        problems: In the order in which they were met.
    """

    n_samples: int
    n_shards: int
    problems: tuple[Problem, ...]


def verify(spec: GoldenSpec) -> Verified:
    """Read all of the golden data: checksums, schema, labels, names of samples.

    A manifest folder is looked at shard by shard, so that one that is damaged does
    not hide the next; other forms to the first thing that is wrong.

    Raises:
        MissingGoldenError: There are no data.
    """
    if spec.url is None and form_of(spec.data) == "manifest":
        return _verify_folder(spec)
    try:
        source = open_golden(spec)
    except MissingGoldenError:
        raise
    except GoldenError as error:
        return Verified(0, 1, (_problem(error),))
    problems = tuple(_read_through(source, _Names()))
    return Verified(source.n_samples, 1, problems)


class _Names:
    """Names of samples, eight bytes each."""

    def __init__(self) -> None:
        self.hashes: list[IntArray] = []

    def problems(self) -> Iterator[Problem]:
        if not self.hashes:
            return
        _, counts = np.unique(np.concatenate(self.hashes), return_counts=True)
        if twice := int((counts > 1).sum()):
            yield Problem(
                f"{twice} sample_ids are there more than once",
                "give every sample a name of its own",
            )


def _verify_folder(spec: GoldenSpec) -> Verified:
    file = spec.data / MANIFEST
    try:
        manifest = read_record(file, Manifest)
    except GoldenError as error:
        return Verified(0, 0, (_problem(error),))
    problems = []
    counted = sum(shard.rows for shard in manifest.shards)
    if counted != manifest.n_samples:
        said = f"{file}: n_samples is {manifest.n_samples}, its shards hold {counted}"
        problems.append(Problem(said, _again(spec.data, manifest)))
    names = _Names()
    for index, shard in enumerate(manifest.shards):
        alone = replace(manifest, shards=(shard,), n_samples=shard.rows)
        try:
            source = _source(spec.data, alone)
            problems += _read_through(source, names, last=False)
        except GoldenError as error:
            mend = _mend(error, spec.data, manifest, index)
            problems.append(Problem(error.message, mend))
    problems += names.problems()
    return Verified(manifest.n_samples, len(manifest.shards), tuple(problems))


def _source(folder: Path, manifest: Manifest) -> TableGolden:
    table = manifest_table(folder, manifest)
    roles = assign(table.where, table.columns, Naming(), table.declared)
    return TableGolden(table, roles, table.class_names, {})


def _read_through(
    source: GoldenSource, names: _Names, *, last: bool = True
) -> Iterator[Problem]:
    try:
        for chunk in source.chunks(_ROWS):
            if chunk.sample_ids is not None:
                names.hashes.append(text_hashes(chunk.sample_ids))
    except GoldenError as error:
        yield _problem(error)
    if last:
        yield from names.problems()


def _problem(error: GoldenError) -> Problem:
    return Problem(error.message, error.hint)


def _mend(error: GoldenError, folder: Path, manifest: Manifest, index: int) -> str:
    if isinstance(error, (ChecksumError, MissingGoldenError)):
        if "created_from" in manifest.provenance:
            return _again(folder, manifest)
        return f"git checkout -- {folder / manifest.shards[index].path}"
    return error.hint


def _again(folder: Path, manifest: Manifest) -> str:
    origin = manifest.provenance.get("created_from")
    if origin is None:
        return f"git checkout -- {folder}"
    command = ["harness", "golden", "create", str(origin), str(folder), "--replace"]
    form = form_of_shard(manifest.shards[0].path) if manifest.shards else USUAL
    if form != USUAL:
        command += ["--format", form]
    if manifest.license is not None:
        command += ["--license", manifest.license]
    if manifest.source is not None:
        command += ["--origin", manifest.source]
    return shlex.join(command)
