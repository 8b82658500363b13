"""Weights of what `torch.save` writes, now and before 1.6; nothing is unpickled."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache, partial
from io import BytesIO
from typing import IO, TYPE_CHECKING

from harness.formats.malformed import Malformed
from harness.formats.numbers import stored_dtype
from harness.formats.pickle_machine import Made, PickleMachine
from harness.formats.regions import Region
from harness.formats.torch_records import is_tensor, storage_of, stored_tensors
from harness.weights.readers.faults import reading
from harness.weights.readers.torch_archives import (
    mapped_in,
    refuse_dangerous,
    regions_of,
    torch_archive,
    weight_of,
)
from harness.weights.readers.uses import Beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.core.protocols import WeightTensor
    from harness.formats.torch_records import StoredTensor
    from harness.weights.readers.mapped import Mapped
    from harness.weights.readers.torch_archives import Order, TorchArchive

# Entries of a checkpoint that hold the model, the surest first.
_STATES = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network"),
    *("module", "params", "weights", "ema"),
)
# What a checkpoint holds besides.
_TRAINING = re.compile(r"optim|sched|scaler|loss|rng|epoch|step|best", re.IGNORECASE)
# What wrappers put before every name: DataParallel, torch.compile.
_WRAPPED = ("module.", "_orig_mod.")
# Magic number, protocol and facts of the machine come before the state.
_N_HEADERS = 3
# Pickles of a model of some million tensors; the numbers come after them.
_MAX_OLD = 64 << 20
# Storages were written little-endian on every machine, each after its length.
_OLD_ORDER: Order = "<"
_LENGTH = 8


def read_state(path: Path) -> Iterator[WeightTensor]:
    """Weights of an archive of `torch.save`: a state dict, a checkpoint, a module.

    Of a checkpoint the model's state is read and not the optimizer's. "module." and
    "_orig_mod." before every name are left out, and so are complex numbers, empty
    tensors and integers of no known use.

    Raises:
        ModelLoadError: It is missing, cut short or damaged, or a tensor is sparse or
            of a type that is not known.
        UnsafeModelError: Its pickle calls what no weights need, or the archive is out
            of all bounds.
    """
    with reading(path, "archive of torch.save"), torch_archive(path) as archive:
        return iter(weights_in(archive))


def weights_in(archive: TorchArchive) -> list[WeightTensor]:
    """Weights of an open archive of `torch.save`.

    Raises:
        Malformed: It is cut short or damaged.
        ModelLoadError: A tensor reaches beyond its storage.
        UnsafeModelError: Its pickle calls what no weights need.
    """
    entry = archive.ending("data.pkl")
    folder = entry.removesuffix("data.pkl")
    machine = archive.play(entry)
    region = cache(lambda key: archive.region(f"{folder}data/{key}"))
    find = partial(mapped_in, archive.path, region=region, order=archive.order)
    return _weights(machine.result, find)


def read_old_state(path: Path) -> Iterator[WeightTensor]:
    """Weights of a file of `torch.save` before 1.6; as `read_state`.

    Raises:
        ModelLoadError: It is missing, cut short or damaged, or a tensor is sparse.
        UnsafeModelError: Its pickle calls what no weights need.
    """
    with reading(path, "file of torch.save"), path.open("rb") as stream:
        head = BytesIO(stream.read(_MAX_OLD))
        machines = [PickleMachine(head) for _ in range(_N_HEADERS + 2)]
        stream.seek(head.tell())
        for machine in machines:
            refuse_dangerous(path, machine)
        *_, state, keys = machines
        regions = dict(_old_regions(path, stream, state, keys.result))
        find = partial(mapped_in, path, region=regions_of(regions), order=_OLD_ORDER)
        return iter(_weights(state.result, find))


def _old_regions(
    path: Path, stream: IO[bytes], state: PickleMachine, keys: object
) -> Iterator[tuple[str, Region]]:
    """Storages, one after the other in the order of the list of keys."""
    kinds = {k: (d, n) for k, d, n in map(storage_of, state.kept_apart)}
    size = path.stat().st_size
    for key in map(str, keys.args if isinstance(keys, Made) else ()):
        if key not in kinds:
            raise Malformed(f"its storage {key!r} belongs to no tensor")
        dtype, promised = kinds[key]
        count = int.from_bytes(stream.read(_LENGTH), "little")
        length = count * _item_size(dtype)
        if count != promised or stream.tell() + length > size:
            raise Malformed(
                f"its storage {key!r} has {count:,} elements; its pickle promises"
                f" {promised:,}, and {size - stream.tell():,} bytes are left"
            )
        yield key, Region(path, stream.tell(), length)
        stream.seek(length, 1)


def _item_size(dtype: str) -> int:
    known = stored_dtype(dtype)
    if known is not None:
        return known.itemsize
    if dtype.startswith("complex"):
        return int(dtype.removeprefix("complex")) // 8
    raise Malformed("a storage of it is of a type that is not known")


def _weights(
    state: object, find: Callable[[StoredTensor], Mapped | None]
) -> list[WeightTensor]:
    held = list(stored_tensors(_model_of(state)))
    if not held:
        raise Malformed("it holds no tensors")
    tensors = [
        replace(t, path=name) for t, name in zip(held, _names(held), strict=True)
    ]
    beside = Beside((t.path, t.shape) for t in tensors)
    weights = (weight_of(t, beside.use(t.path, t.owner), find) for t in tensors)
    return [weight for weight in weights if weight is not None]


def _names(tensors: list[StoredTensor]) -> list[str]:
    """Without what wrappers put before every name."""
    names = [tensor.path for tensor in tensors]
    while prefix := next((p for p in _WRAPPED if _all_begin(names, p)), ""):
        names = [name.removeprefix(prefix) for name in names]
    return names


def _all_begin(names: list[str], prefix: str) -> bool:
    return all(name.startswith(prefix) for name in names)


def _model_of(state: object) -> object:
    """The part of a checkpoint that is the model."""
    if not isinstance(state, Made) or any(is_tensor(v) for _, v in state.pairs):
        return state
    parts = {key: value for key, value in state.pairs if isinstance(key, str)}
    for name in _STATES:
        if isinstance(part := parts.get(name), Made) and _holds_tensors(part):
            return part
    if state.state is not None:
        return state
    kept = [pair for pair in state.pairs if not _TRAINING.search(str(pair[0]))]
    return Made(state.maker, state.args, kept)


def _holds_tensors(part: Made) -> bool:
    return next(stored_tensors(part), None) is not None
