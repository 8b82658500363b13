"""Weights of numpy's files: mapped where they are stored, never unpickled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.archives import open_archive
from harness.core.errors import UnsafeModelError
from harness.formats.npy import read_header
from harness.formats.numbers import stored_dtype
from harness.formats.regions import Region, contiguous, entry_region
from harness.weights.readers.faults import reading
from harness.weights.readers.mapped import Mapped
from harness.weights.readers.uses import Beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import WeightTensor
    from harness.formats.npy import Header


def read_npz(path: Path) -> Iterator[WeightTensor]:
    """Arrays of a ``.npz`` archive that hold real numbers, by the names of entries.

    Integers are left out where the name does not tell what they are for.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsafeModelError: An array holds Python objects, or the archive is out of all
            bounds.
    """
    with reading(path, "archive of numpy arrays"), open_archive(path) as archive:
        found = []
        for entry in archive.namelist():
            name = entry.removesuffix(".npy")
            with archive.open(entry) as member:
                header = read_header(member, name)
            region = entry_region(path, archive, entry)
            found.append(mapped_array(path, name, header, region))
    return _weights(found)


def read_npy(path: Path) -> Iterator[WeightTensor]:
    """The one array of a ``.npy`` file, by the file's name.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsafeModelError: It holds Python objects.
    """
    with reading(path, "numpy array"):
        with path.open("rb") as stream:
            header = read_header(stream, path.stem)
        region = Region(path, 0, path.stat().st_size)
        return _weights([mapped_array(path, path.stem, header, region)])


def mapped_array(
    path: Path, name: str, header: Header, region: Region
) -> Mapped | None:
    """An array behind its header; None where it holds no real numbers, or none.

    Args:
        path: The file, for messages.
        name: Of the array.
        header: What stands at the start of `region`.
        region: The whole array file.

    Raises:
        ModelLoadError: There are fewer numbers than its shape needs.
        UnsafeModelError: It holds Python objects.
    """
    if header.dtype.hasobject:
        raise UnsafeModelError(
            f"{path}: {name!r} holds Python objects, which only a pickle can carry",
            hint="save the numbers alone, as an array of floats",
        )
    kind = header.dtype.name
    if stored_dtype(kind) is None or 0 in header.shape:
        return None
    found = Mapped(
        path=path,
        name=name,
        kind=kind,
        dtype=header.dtype,
        region=replace(region, skip=header.length),
        shape=header.shape,
        strides=contiguous(header.shape, fortran=header.fortran),
    )
    found.check()
    return found


def _weights(found: list[Mapped | None]) -> Iterator[WeightTensor]:
    arrays = [array for array in found if array is not None]
    beside = Beside((array.name, array.shape) for array in arrays)
    weights = (array.weight(beside.use(array.name)) for array in arrays)
    return iter([weight for weight in weights if weight is not None])
