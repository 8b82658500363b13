"""Weights of Keras models: archives, HDF5 files, and JSON with weights beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.core.archives import open_archive, read_entry
from harness.core.errors import MissingDependencyError, ModelLoadError, UnsafeModelError
from harness.core.protocols import WeightTensor
from harness.formats.hdf5 import read_hdf5, values_of
from harness.formats.json_text import parse_json
from harness.formats.keras_config import layers, name_of
from harness.formats.malformed import Malformed
from harness.formats.numbers import as_floats, is_float, stored_dtype
from harness.formats.regions import Region, entry_region
from harness.weights.readers.byte_order import check_byte_order
from harness.weights.readers.faults import loader, reading
from harness.weights.readers.keras_layers import (
    Layer,
    class_of,
    order_in,
    use_in_layer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import FloatArray
    from harness.formats.hdf5 import Hdf5, Hdf5Array

_WEIGHTS = "model.weights.h5"
# What a configuration's weights are called beside it: by Keras 3, and before.
_BESIDE = (".weights.h5", ".h5")
_MAX_CONFIG = 64 << 20
# Groups that are no layers: what holds them, and their variables' list.
_HOLDERS = frozenset({"_layer_checkpoint_dependencies", "layers", "vars"})
_TRAINING = re.compile(r"/_?optimizer(_weights)?(/|$)")
_WHOLE = "model_weights"
_NUMBERED = re.compile(r"(.*)/vars/(\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """An HDF5 file, and what is known of its layers.

    Attributes:
        path: The file, or the archive.
        entry: Which entry of the archive it is, "" for a file.
        region: Where it lies.
        configs: Name of a layer -> its class and configuration.
    """

    path: Path
    entry: str
    region: Region
    configs: Mapping[str, tuple[str, Mapping[str, object]]] = field(
        default_factory=dict
    )


def read_archive(path: Path) -> Iterator[WeightTensor]:
    """Weights of a ``.keras`` archive; those of the optimizer are left out.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsafeModelError: It is out of all bounds, or its arrays lie in other files.
        MissingDependencyError: h5py is not installed.
    """
    with reading(path, "Keras archive"), open_archive(path) as archive:
        if _WEIGHTS not in archive.namelist():
            raise Malformed(f"it holds no {_WEIGHTS}")
        text = read_entry(archive, "config.json", _MAX_CONFIG)
        config = parse_json(text, "config.json") if text else None
        region = entry_region(path, archive, _WEIGHTS)
        source = _Source(path, _WEIGHTS, region, _configs(config))
        return iter(list(_weights(source)))


def read_hdf5_weights(path: Path) -> Iterator[WeightTensor]:
    """Weights of an HDF5 file: a whole model of Keras, its weights, or any arrays.

    Raises:
        ModelLoadError: It is missing, cut short or damaged.
        UnsafeModelError: Its arrays lie in other files.
        MissingDependencyError: h5py is not installed.
    """
    return _of_file(path, None)


def read_json_weights(path: Path) -> Iterator[WeightTensor]:
    """Weights of a JSON configuration: the file beside it with the same stem.

    Raises:
        ModelLoadError: It is no JSON, or there are no weights beside it.
        UnsafeModelError: Its arrays lie in other files.
        MissingDependencyError: h5py is not installed.
    """
    with reading(path, "Keras configuration"):
        if path.stat().st_size > _MAX_CONFIG:
            raise Malformed(f"it is larger than {_MAX_CONFIG >> 20} MiB")
        config = parse_json(path.read_bytes(), "it")
    names = [path.stem + suffix for suffix in _BESIDE]
    beside = [p for p in map(path.with_name, names) if p.is_file()]
    if not beside:
        raise ModelLoadError(
            f"{path} is a configuration, and its weights are not beside it: there is no"
            f" {' and no '.join(names)}",
            hint="put the weights into its folder under one of these names",
        )
    return _of_file(beside[0], config)


def _of_file(path: Path, config: object) -> Iterator[WeightTensor]:
    with reading(path, "HDF5"):
        region = Region(path, 0, path.stat().st_size)
        source = _Source(path, "", region, _configs(config))
        return iter(list(_weights(source)))


def _configs(config: object) -> dict[str, tuple[str, Mapping[str, object]]]:
    found: dict[str, tuple[str, Mapping[str, object]]] = {}
    for entry in layers(config):
        inner = entry.get("config")
        known: dict[str, Any] = inner if isinstance(inner, dict) else {}
        found[name_of(entry)] = (str(entry["class_name"]), known)
    return found


def _weights(source: _Source) -> Iterator[WeightTensor]:
    file = _listed(source)
    configs = dict(source.configs)
    if "model_config" in file.texts:
        configs |= _configs(parse_json(file.texts["model_config"], "model_config"))
    arrays = [
        a for a in file.arrays if not _TRAINING.match(a.name) and is_float(a.dtype)
    ]
    found = zip(arrays, _words(arrays, file, configs), strict=True)
    places = {name: place for place, name in enumerate(configs)}
    # Layers in the order of the model, where it is known.
    for array, (word, layer) in sorted(
        found, key=lambda f: _place(f[0], f[1][1], places)
    ):
        if array.shape and 0 not in array.shape and stored_dtype(array.dtype):
            yield _weight(array, word, layer, source)


def _place(
    array: Hdf5Array, layer: Layer, places: Mapping[str, int]
) -> tuple[int, str]:
    outer = (layer.name or "").partition("/")[0]
    return places.get(layer.name or "", places.get(outer, len(places))), array.name


def _listed(source: _Source) -> Hdf5:
    file = read_hdf5(source.path, source.entry)
    if file is None:
        raise MissingDependencyError(
            f"the weights of {source.path} are HDF5, and h5py is not installed",
            hint="pip install 'model-quality-harness[h5]'",
        )
    if file.safety:
        raise UnsafeModelError(
            f"{source.path}: {file.safety[0]}",
            hint="save the model again by Keras, which keeps its arrays in one file",
        )
    return file


def _weight(array: Hdf5Array, word: str, layer: Layer, source: _Source) -> WeightTensor:
    name = array.name.removeprefix("/")
    use = use_in_layer(word, array.shape, layer)
    return WeightTensor(
        name,
        array.shape,
        array.dtype,
        use.role,
        use.op_type,
        loader(source.path, name, partial(_floats, array, source)),
        layout=use.layout,
        node=use.node,
        epsilon=use.epsilon,
    )


def _floats(array: Hdf5Array, source: _Source) -> FloatArray:
    values = values_of(array, source.region, source.path, source.entry)
    check_byte_order(values)
    floats = as_floats(values, array.dtype)
    # Big-endian files are read as what they say; sums are not done in their order.
    return floats.astype(floats.dtype.newbyteorder("="), copy=False)


def _words(
    arrays: list[Hdf5Array],
    file: Hdf5,
    configs: Mapping[str, tuple[str, Mapping[str, object]]],
) -> Iterator[tuple[str, Layer]]:
    """Name of each variable inside of its layer, and the layer."""
    groups: dict[str, list[Hdf5Array]] = defaultdict(list)
    for array in arrays:
        groups[_group_of(array.name)].append(array)
    made = {g: _layer(g, members, file, configs) for g, members in groups.items()}
    for array in arrays:
        layer = made[_group_of(array.name)]
        yield _word(array.name, layer, len(groups[_group_of(array.name)])), layer


def _group_of(name: str) -> str:
    if numbered := _NUMBERED.fullmatch(name):
        return numbered[1]
    return name.rpartition("/")[0]


def _word(name: str, layer: Layer, n_variables: int) -> str:
    if numbered := _NUMBERED.fullmatch(name):
        order = order_in(layer, n_variables)
        at = int(numbered[2])
        return order[at] if at < len(order) else ""
    return name.rpartition("/")[2].partition(":")[0]


def _layer(
    group: str,
    members: list[Hdf5Array],
    file: Hdf5,
    configs: Mapping[str, tuple[str, Mapping[str, object]]],
) -> Layer:
    """The layer of a group, with what is around it for a name."""
    if any(_NUMBERED.fullmatch(member.name) for member in members):
        name, kind = _by_number(group, file)
    else:
        name, kind = _by_name(group)
    known, config = configs.get(name.rpartition("/")[2], (kind, {}))
    layer = Layer(name or None, known, config)
    words = {_word(m.name, layer, len(members)): m.shape for m in members}
    return replace(layer, shapes=words)


def _by_number(group: str, file: Hdf5) -> tuple[str, str | None]:
    """Layer and class of a group that an archive names after the class."""
    parts = group.split("/")
    outer = ("/".join(parts[:n]) for n in range(2, len(parts) + 1))
    names = [file.names.get(f"{prefix}/vars", "") for prefix in outer]
    own = names[-1] if names else ""
    plain = "/".join(part for part in parts if part and part not in _HOLDERS)
    # Groups like "cell" and "layer" are named after what they are to another layer.
    kind = class_of(parts[-1]) or class_of(own)
    return "/".join(filter(None, names)) if own else plain, kind


def _by_name(group: str) -> tuple[str, str | None]:
    """Layer and class of a group of a file in which variables have names."""
    parts = [part for part in group.split("/") if part and part != _WHOLE]
    # The layer's name is there twice: as its group, and in its variables' names.
    name = "/".join(parts[1:] if len(parts) > 1 and parts[0] == parts[1] else parts)
    return name, class_of(parts[-1]) if parts else None
