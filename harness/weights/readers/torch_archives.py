"""Tensors of PyTorch's archives as weights: storages found, quantizers read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias
from zipfile import BadZipFile, ZipFile

import numpy as np

from harness.core.archives import open_archive, open_entry, read_entry
from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.formats.exported_program import program_in
from harness.formats.malformed import Malformed
from harness.formats.pickle_imports import MAX_PICKLE, dangerous
from harness.formats.pickle_machine import PickleMachine
from harness.formats.regions import entry_region
from harness.weights.readers.mapped import Mapped, dtype_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, WeightTensor
    from harness.formats.regions import Region
    from harness.formats.torch_records import Quantizer, StoredTensor
    from harness.weights.readers.uses import Use

_MAX_NESTED = 1 << 30
Order: TypeAlias = Literal["<", ">"]
_ORDERS: dict[bytes, Order] = {b"big": ">", b"little": "<"}


class TorchArchive:
    """An archive of `torch.save` or TorchScript, open.

    Args:
        path: The file.
        archive: The archive.
        base: Where it begins in the file, if it is an entry of another archive.

    Attributes:
        names: Of all entries.

    Raises:
        Malformed: Its byte order is not known.
    """

    def __init__(self, path: Path, archive: ZipFile, base: int = 0) -> None:
        self.path = path
        self.names = archive.namelist()
        self._known = set(self.names)
        self._archive = archive
        self._base = base
        # Files from before 2.1 do not say; they are little-endian.
        self.order = self._order()

    def ending(self, text: str) -> str:
        """The first entry whose name ends so; "" for none."""
        return min((n for n in self.names if n.endswith(text)), default="")

    def read(self, name: str, limit: int) -> bytes:
        """An entry's bytes.

        Raises:
            Malformed: It is missing or longer than the limit.
        """
        data = read_entry(self._archive, name, limit)
        if data is None:
            raise Malformed(f"its {name or 'data.pkl'} is missing, or too large")
        return data

    def play(self, name: str) -> PickleMachine:
        """A pickle, played through.

        Raises:
            Malformed: It is missing, too large, cut short or damaged.
            UnsafeModelError: It would call what no weights need.
        """
        machine = PickleMachine(self.read(name, MAX_PICKLE))
        refuse_dangerous(self.path, machine)
        return machine

    def program(self) -> object:
        """The JSON of an exported program's graph.

        Raises:
            Malformed: It is missing, too large or no JSON.
        """
        return program_in(self._archive)

    def region(self, name: str) -> Region:
        """Where an entry lies.

        Raises:
            Malformed: It is missing or cut short.
        """
        if name not in self._known:
            raise Malformed(f"its entry {name!r} is missing")
        return entry_region(self.path, self._archive, name, self._base)

    @contextmanager
    def nested(self, name: str) -> Iterator[TorchArchive]:
        """An archive that is an entry of this one.

        Raises:
            Malformed: It is missing, packed and too large, or no archive.
        """
        where = self.region(name)
        stream = open_entry(self.path, self._archive, name, _MAX_NESTED)
        if stream is None or where.entry:
            raise Malformed(f"its entry {name!r} is packed, which no tool does")
        try:
            with stream, ZipFile(stream) as inner:
                yield TorchArchive(self.path, inner, where.start)
        except BadZipFile as error:
            raise Malformed(f"its entry {name!r} is no archive: {error}") from error

    def _order(self) -> Order:
        name = next((n for n in self.names if n.split("/")[1:] == ["byteorder"]), "")
        text = read_entry(self._archive, name, 64) if name else b"little"
        if text is None or text not in _ORDERS:
            raise Malformed(f"its byte order is {text!r}")
        return _ORDERS[text]


@contextmanager
def torch_archive(path: Path) -> Iterator[TorchArchive]:
    """Open an archive of PyTorch.

    Raises:
        ModelLoadError: It is cut short or damaged.
        UnsafeModelError: It is out of all bounds.
        OSError: It cannot be read.
    """
    with open_archive(path) as archive:
        yield TorchArchive(path, archive)


def refuse_dangerous(path: Path, machine: PickleMachine) -> None:
    """Stop at a pickle that reaches for the machine; nothing of it was run.

    Raises:
        UnsafeModelError: It does.
    """
    if worst := dangerous(machine.imports):
        raise UnsafeModelError(
            f"{path} calls {', '.join(worst[:8])} when it is unpickled, which no"
            " weights need",
            hint="do not load it; ask who made it",
        )


def mapped_in(
    path: Path, tensor: StoredTensor, region: Callable[[str], Region], order: Order
) -> Mapped | None:
    """A tensor of a pickle in its storage; None where its numbers are no floats' kin.

    Args:
        path: The file.
        tensor: As the pickle describes it.
        region: Key of a storage -> where it lies; raises Malformed.
        order: "<" or ">".

    Raises:
        Malformed: Its storage is missing.
        ModelLoadError: It is sparse, of a type that is not known, or reaches beyond
            its storage.
    """
    if tensor.refusal:
        raise ModelLoadError(
            f"{path}: tensor {tensor.path!r} {tensor.refusal}, which is not read",
            hint="save dense tensors alone: tensor.to_dense(), or leave it out",
        )
    dtype = dtype_of(path, tensor.path, tensor.dtype)
    if dtype is None or 0 in tensor.shape:
        return None
    found = Mapped(
        path=path,
        name=tensor.path,
        kind=tensor.dtype,
        dtype=dtype.newbyteorder(order),
        region=region(tensor.key),
        shape=tensor.shape,
        strides=tensor.strides,
        offset=tensor.offset,
    )
    found.check()
    return found


def weight_of(
    tensor: StoredTensor, use: Use, find: Callable[[StoredTensor], Mapped | None]
) -> WeightTensor | None:
    """A tensor of a pickle as a weight; None where its numbers are no floats' kin.

    Args:
        tensor: As the pickle describes it.
        use: What it is for.
        find: Its place, and that of its scales.

    Raises:
        Malformed: A storage is missing, or scales are damaged.
        ModelLoadError: It reaches beyond its storage.
    """
    found = find(tensor)
    if found is None:
        return None
    if tensor.quantizer is None:
        return found.weight(use)
    how = tensor.quantizer
    scale, zero_point = (_parameter(part, find) for part in _parameters(how))
    return found.quantized(use, scale, zero_point, how.axis)


def _parameters(how: Quantizer) -> tuple[float | StoredTensor, int | StoredTensor]:
    return how.scale, how.zero_point


def _parameter(
    value: float | StoredTensor, find: Callable[[StoredTensor], Mapped | None]
) -> Array:
    if isinstance(value, (int, float)):
        return np.array([value])
    found = find(value)
    if found is None:
        raise Malformed(f"{value.path!r} has no numbers")
    return np.array(found.stored())


def regions_of(keys: Mapping[str, Region]) -> Callable[[str], Region]:
    """Looks regions up by the keys of storages."""

    def find(key: str) -> Region:
        if key not in keys:
            raise Malformed(f"its storage {key!r} is missing")
        return keys[key]

    return find
