"""Weights of a TorchScript archive: a pickle of modules, and code that is text."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from harness.formats.torch_records import stored_tensors
from harness.formats.torchscript_text import class_text, epsilon_in, taken
from harness.weights.readers.faults import reading
from harness.weights.readers.torch_archives import mapped_in, torch_archive, weight_of
from harness.weights.readers.torch_operators import argument_at, gate_at, use_at
from harness.weights.readers.uses import Beside, Use, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import WeightTensor
    from harness.formats.torch_records import StoredTensor
    from harness.formats.torchscript_text import Taken
    from harness.weights.readers.mapped import Mapped
    from harness.weights.readers.torch_archives import TorchArchive
    from harness.weights.readers.uses import Shape

_MAX_CODE = 64 << 20
_CONSTANTS = "CONSTANTS.c"
_OF_NORMS = frozenset({"beta", "gamma", "running_mean", "running_variance"})


def read_torchscript(path: Path) -> Iterator[WeightTensor]:
    """Parameters, buffers and constants of an archive of `torch.jit.save`.

    A module's class tells what its tensors are for, and of a class that PyTorch does
    not have its code does. Constants, which freezing turns all weights into, are
    named as the code names them; single numbers are left out.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsafeModelError: Its pickle calls what no weights need, or the archive is out
            of all bounds.
    """
    with reading(path, "TorchScript archive"), torch_archive(path) as archive:
        code = _code(archive)
        return iter([*_attributes(archive, code), *_constants(archive, code)])


def _attributes(
    archive: TorchArchive, code: Mapping[str, str]
) -> Iterator[WeightTensor]:
    tensors = _tensors(archive, "/data.pkl")
    beside = Beside((t.path, t.shape) for t in tensors)
    texts = cache(lambda owner: _uses_in(class_text(code, owner)))
    epsilons = cache(lambda owner: epsilon_in(class_text(code, owner)))
    find = _finder(archive, "/data.pkl", "data")
    for tensor in tensors:
        use = beside.use(tensor.path, tensor.owner)
        if use.role == "constant" and tensor.owner:
            module, attribute = split(tensor.path)
            places = texts(tensor.owner).get(f"self.{attribute}", [])
            use = replace(_used(places, tensor.shape) or use, node=module or None)
        elif tensor.owner and use.role in _OF_NORMS:
            use = replace(use, epsilon=epsilons(tensor.owner))
        if weight := weight_of(tensor, use, find):
            yield weight


def _constants(
    archive: TorchArchive, code: Mapping[str, str]
) -> Iterator[WeightTensor]:
    if not archive.ending("/constants.pkl"):
        return
    places = _uses_in("\n".join(code.values()))
    find = _finder(archive, "/constants.pkl", "constants")
    for tensor in _tensors(archive, "/constants.pkl"):
        name = f"{_CONSTANTS}{tensor.path}"
        use = _used(places.get(name, []), tensor.shape) or Use("constant")
        weight = weight_of(replace(tensor, path=name), use, find)
        # Tracing leaves many single numbers behind.
        if weight is not None and tensor.shape:
            yield weight


def _used(places: list[Taken], shape: Shape) -> Use | None:
    """What the first call that tells makes of a tensor."""
    for place in places:
        if not place.operator:
            return Use(gate_at(shape, place.index), layout="GI"[: len(shape)])
        argument = argument_at(place.operator, place.position)
        found = use_at(place.operator, argument, shape, index=place.index)
        if found is not None:
            return found
    return None


def _uses_in(text: str) -> dict[str, list[Taken]]:
    places: dict[str, list[Taken]] = {}
    for place in taken(text):
        places.setdefault(place.value, []).append(place)
    return places


def _tensors(archive: TorchArchive, ending: str) -> list[StoredTensor]:
    return list(stored_tensors(archive.play(archive.ending(ending)).result))


def _finder(
    archive: TorchArchive, ending: str, folder: str
) -> Callable[[StoredTensor], Mapped | None]:
    root = archive.ending(ending).removesuffix(ending)
    region = cache(lambda key: archive.region(f"{root}/{folder}/{key}"))
    return partial(mapped_in, archive.path, region=region, order=archive.order)


def _code(archive: TorchArchive) -> dict[str, str]:
    names = sorted(n for n in archive.names if "/code/" in n and n.endswith(".py"))
    return {n: archive.read(n, _MAX_CODE).decode(errors="replace") for n in names}
