"""Weights of exported PyTorch programs (``.pt2``), of 2.9 and later and before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.formats.exported_program import DTYPES, Program
from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed
from harness.formats.torch_records import StoredTensor, stored_tensors
from harness.weights.readers.faults import reading
from harness.weights.readers.torch_archives import mapped_in, torch_archive, weight_of
from harness.weights.readers.torch_operators import HANDING_ON, TURNING, use_at
from harness.weights.readers.uses import Beside, Use, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import WeightTensor
    from harness.formats.exported_program import Taken
    from harness.weights.readers.mapped import Mapped
    from harness.weights.readers.torch_archives import TorchArchive
    from harness.weights.readers.uses import Shape

_MAX_CONFIG = 64 << 20
_CONFIGS = ("model_weights_config.json", "model_constants_config.json")
# Before 2.9 tensors were pickled, in archives inside of the archive.
_PICKLED = (
    *("data/weights/model.pt", "data/constants/model.pt"),
    *("serialized_state_dict.pt", "serialized_constants.pt"),
)
# torch.strided, among the Layouts of torch/_export/serde/schema.py.
_STRIDED = 7
_QUANTIZED = "quantized_decomposed.dequantize_per_"


@dataclass(frozen=True, slots=True)
class _Found:
    """A tensor, and how its numbers are found."""

    tensor: StoredTensor
    find: Callable[[StoredTensor], Mapped | None]


def read_exported(path: Path) -> Iterator[WeightTensor]:
    """Parameters, buffers and constants of an exported program.

    The operators that take them tell what they are for; names tell where no operator
    does. Integers that the graph turns to floats are read as what they mean.

    Raises:
        ModelLoadError: It is missing, cut short or damaged, or a tensor is sparse.
        UnsafeModelError: A pickle in it calls what no weights need, or the archive is
            out of all bounds.
    """
    with reading(path, "exported program"), torch_archive(path) as archive:
        program = Program(archive.program())
        return iter(_weights(_found(archive), program))


def _found(archive: TorchArchive) -> dict[str, _Found]:
    configs = [n for n in archive.names if n.endswith(_CONFIGS)]
    if configs:
        weights_first = sorted(configs, reverse=True)
        return dict(item for name in weights_first for item in _listed(archive, name))
    names = sorted((n for n in archive.names if n.endswith(_PICKLED)), reverse=True)
    return dict(item for name in names for item in _pickled(archive, name))


def _listed(archive: TorchArchive, config: str) -> Iterator[tuple[str, _Found]]:
    folder = config.rpartition("/")[0]
    listing = parse_json(archive.read(config, _MAX_CONFIG), config)
    region = cache(lambda key: archive.region(f"{folder}/{key}"))
    find = partial(mapped_in, archive.path, region=region, order=archive.order)
    try:
        for name, entry in listing["config"].items():
            yield name, _Found(_described(name, entry), find)
    except (KeyError, TypeError, AttributeError) as error:
        raise Malformed(f"its {config} lacks a part: {error!r}") from error


def _described(name: str, entry: Mapping[str, Any]) -> StoredTensor:
    meta = entry["tensor_meta"]
    odd = "is pickled apart" if entry["use_pickle"] else ""
    if meta["layout"] != _STRIDED:
        odd = "is sparse"
    return StoredTensor(
        path=name,
        owner=None,
        dtype=DTYPES.get(meta["dtype"], "unknown"),
        key=str(entry["path_name"]),
        offset=_integer(meta["storage_offset"]),
        shape=tuple(map(_integer, meta["sizes"])),
        strides=tuple(map(_integer, meta["strides"])),
        refusal=odd,
    )


def _integer(record: Mapping[str, Any]) -> int:
    value = record["as_int"]
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no integer")
    return value


def _pickled(archive: TorchArchive, name: str) -> Iterator[tuple[str, _Found]]:
    with archive.nested(name) as inner:
        entry = inner.ending("data.pkl")
        folder = entry.removesuffix("data.pkl")
        machine = inner.play(entry)
        tensors = list(stored_tensors(machine.result))
        keys = {tensor.key for tensor in tensors if not tensor.refusal}
        regions = {key: inner.region(f"{folder}data/{key}") for key in sorted(keys)}
    find = partial(
        mapped_in, archive.path, region=regions.__getitem__, order=inner.order
    )
    for tensor in tensors:
        yield tensor.path, _Found(tensor, find)


def _weights(found: Mapping[str, _Found], program: Program) -> list[WeightTensor]:
    values = {name: value for value, name in program.tensors.items()}
    beside = Beside((name, item.tensor.shape) for name, item in found.items())
    weights = []
    for name, item in found.items():
        tensor = replace(item.tensor, path=name)
        value = values.get(name, "")
        use = _used(program, value, tensor.shape, beside.use(name))
        use = replace(use, node=split(name)[0] or None)
        reached = (place for place, _ in _reached(program, value))
        how = next(filter(_decodes, reached), None)
        weight = (
            weight_of(tensor, use, item.find)
            if how is None
            else _codes(program, how, tensor, use, found)
        )
        if weight is not None:
            weights.append(weight)
    return weights


def _reached(program: Program, value: str) -> list[tuple[Taken, bool]]:
    """Where a value is taken, also when handed on; and whether it was turned there."""
    waiting, seen = [(value, False)], {value}
    reached = []
    for held, turned in waiting:
        for place in program.taken(held):
            reached.append((place, turned))
            made = program.made(place.node)
            hands_on = _decodes(place) or place.operator in HANDING_ON
            if hands_on and made not in seen:
                seen.add(made)
                waiting.append((made, turned != (place.operator in TURNING)))
    return reached


def _used(program: Program, value: str, shape: Shape, named: Use) -> Use:
    """What operators make of a tensor; `named` where they tell nothing.

    Of tied weights the graph knows one name, which serves operators of two kinds:
    the use that the name tells goes before others.
    """
    uses = []
    for place, turned in _reached(program, value):
        if place.operator.startswith(_QUANTIZED) and not _decodes(place):
            return Use(place.argument.removesuffix("s"), place.operator)
        operator, argument = place.operator, place.argument
        use = use_at(operator, argument, shape, turned=turned, index=place.index)
        if use is not None:
            epsilon = program.argument(place.node, "eps")
            told = epsilon if isinstance(epsilon, float) else None
            uses.append(replace(use, epsilon=told))
    same = (use for use in uses if use.role == named.role)
    return next(same, uses[0] if uses else named)


def _decodes(place: Taken) -> bool:
    """Whether codes become floats there."""
    return place.operator.startswith(_QUANTIZED) and place.argument == "input"


def _codes(
    program: Program,
    how: Taken,
    tensor: StoredTensor,
    use: Use,
    found: Mapping[str, _Found],
) -> WeightTensor | None:
    """A tensor of codes, with the scales that its decoding node is given."""
    mapped = found[tensor.path].find(tensor)
    if mapped is None:
        return None
    if mapped.dtype.kind not in "iu":
        return mapped.weight(use)
    channels = how.operator.endswith("channel")
    names = ("scales", "zero_points") if channels else ("scale", "zero_point")
    given = [program.argument(how.node, name) for name in names]
    numbers = [_numbers(program, value, found) for value in given]
    axis = program.argument(how.node, "axis") if channels else None
    return mapped.quantized(
        use, numbers[0], numbers[1], axis if isinstance(axis, int) else None
    )


def _numbers(program: Program, value: object, found: Mapping[str, _Found]) -> Any:
    if isinstance(value, (int, float)):
        return np.array([value])
    name = program.tensors.get(str(value), "")
    mapped = found[name].find(found[name].tensor) if name in found else None
    if mapped is None:
        raise Malformed(f"it has no scale {str(value)!r}")
    return np.array(mapped.stored())
