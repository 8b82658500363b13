"""A Keras model as plain records: layers, how they are called, and their arrays.

Read from a ``.keras`` archive or from an HDF5 file of the whole model.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.core.archives import open_archive, read_entry
from harness.core.errors import MissingDependencyError, UnsafeModelError
from harness.formats.hdf5 import read_hdf5, values_of
from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed
from harness.formats.regions import Region, entry_region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.formats.hdf5 import Hdf5

_WEIGHTS = "model.weights.h5"
_MAX_CONFIG = 64 << 20
_NUMBERED = re.compile(r"(.*)/vars/(\d+)")
_TRAINING = re.compile(r"/_?optimizer(_weights)?(/|$)")
_ZIP = b"PK"

# Layer, its call, its answer: what Keras calls the history of a tensor.
History: TypeAlias = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Feed:
    """What a layer is called with.

    Attributes:
        history: Where it comes from.
        shape: None where a length is free, or where nobody says.
        word: Of which argument it is; nothing for one by position.
    """

    history: History
    shape: tuple[int | None, ...] | None = None
    word: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class KerasLayer:
    """A layer.

    Attributes:
        name: Unique in its model.
        kind: Its class.
        config: Its configuration.
        calls: What it is called with, call by call.
        input_shape: Of its only input, where the file tells it.
        said: Arguments by name, call by call; tensors stand in `calls`.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    calls: tuple[tuple[Feed, ...], ...] = ()
    input_shape: tuple[int | None, ...] | None = None
    said: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class KerasModel:
    """A model, or one inside another.

    Attributes:
        layers: In the file's order.
        inputs: Of its input layers.
        outputs: What it answers.
    """

    layers: tuple[KerasLayer, ...]
    inputs: tuple[History, ...]
    outputs: tuple[History, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Arrays of an HDF5 file.

    Attributes:
        chains: Names of layers from the outermost in, and the array's own word or
            number -> how to find it.
        file: The file.
        path: Where it lies: a file, or an archive.
        entry: Which entry of the archive it is.
    """

    file: Hdf5
    path: Path
    entry: str
    region: Region
    chains: Mapping[tuple[str, ...], Mapping[str, int]] = field(default_factory=dict)

    def of(self, chain: tuple[str, ...]) -> dict[str, Array]:
        """A layer's arrays by word, or by number where the file has no words."""
        found: dict[str, Array] = {}
        for known, members in self.chains.items():
            if known[: len(chain)] == chain:
                found |= {word: self._read(at) for word, at in members.items()}
        return found

    def _read(self, at: int) -> Array:
        array = self.file.arrays[at]
        return values_of(array, self.region, self.path, self.entry)


def read_keras(path: Path) -> tuple[KerasModel, Stored]:
    """A whole model's layers and arrays.

    Raises:
        Malformed: It is cut short or damaged, or holds weights without a model.
        OSError: It cannot be read.
        UnsafeModelError: Its arrays lie in other files.
        MissingDependencyError: h5py is not installed.
    """
    with path.open("rb") as stream:
        archived = stream.read(2) == _ZIP
    return _of_archive(path) if archived else _of_hdf5(path)


def _of_archive(path: Path) -> tuple[KerasModel, Stored]:
    with open_archive(path) as archive:
        text = read_entry(archive, "config.json", _MAX_CONFIG)
        if text is None or _WEIGHTS not in archive.namelist():
            raise Malformed("it holds no config.json or no weights")
        region = entry_region(path, archive, _WEIGHTS)
    config = parse_json(text, "config.json")
    file = _listed(path, _WEIGHTS)
    chains = _numbered(file, _names(file, config))
    return model_of(config), Stored(file, path, _WEIGHTS, region, chains)


def _of_hdf5(path: Path) -> tuple[KerasModel, Stored]:
    file = _listed(path, "")
    if "model_config" not in file.texts:
        raise Malformed("it holds weights, and no model")
    config = parse_json(file.texts["model_config"], "model_config")
    region = Region(path, 0, path.stat().st_size)
    return model_of(config), Stored(file, path, "", region, _worded(file))


def _listed(path: Path, entry: str) -> Hdf5:
    file = read_hdf5(path, entry)
    if file is None:
        raise MissingDependencyError(
            f"the weights of {path} are HDF5, and h5py is not installed",
            hint="pip install 'model-quality-harness[h5]'",
        )
    if file.safety:
        raise UnsafeModelError(
            f"{path}: {file.safety[0]}",
            hint="save the model again by Keras, which keeps its arrays in one file",
        )
    return file


def _numbered(
    file: Hdf5, names: Mapping[str, str]
) -> dict[tuple[str, ...], dict[str, int]]:
    """Arrays of an archive: groups say which layer they are of."""
    chains: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for at, array in enumerate(file.arrays):
        found = _NUMBERED.fullmatch(array.name)
        if found is None or _TRAINING.match(array.name):
            continue
        parts = found[1].split("/")
        prefixes = ["/".join(parts[:n]) for n in range(2, len(parts) + 1)]
        chain = tuple(names[prefix] for prefix in prefixes if names.get(prefix))
        chains[chain][found[2]] = at
    return chains


def _names(file: Hdf5, config: Any) -> dict[str, str]:
    """Group -> layer; older files do not say, and count groups by class."""
    told = {group.removesuffix("/vars"): name for group, name in file.names.items()}
    return told or dict(_counted(config, ""))


def _counted(config: Any, prefix: str) -> Iterator[tuple[str, str]]:
    counts: Counter[str] = Counter()
    for entry in _entries(config):
        inner = entry.get("config") or {}
        word = _snake(str(entry.get("class_name")))
        number = f"_{counts[word]}" if counts[word] else ""
        counts[word] += 1
        group = f"{prefix}/layers/{word}{number}"
        yield group, str(inner.get("name", ""))
        yield from _counted(entry, group)


def _snake(name: str) -> str:
    """As Keras names groups: Conv2D is conv2d, BatchNormalization has a stroke."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _worded(file: Hdf5) -> dict[tuple[str, ...], dict[str, int]]:
    """Arrays of a file of Keras 2's kind: paths are names."""
    chains: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for at, array in enumerate(file.arrays):
        parts = array.name.split("/")[1:]
        if parts[0] == "model_weights":
            word = parts[-1].partition(":")[0]
            # A layer's own group comes first, then its name again, in its model's.
            chain = tuple(dict.fromkeys(parts[1:-1]))
            chains[chain][word] = at
    return chains


def model_of(config: Any) -> KerasModel:
    """A model's configuration.

    Raises:
        Malformed: It is none of a Sequential or a Functional model.
    """
    inner = config.get("config") if isinstance(config, dict) else None
    if not isinstance(inner, (dict, list)):
        raise Malformed("its configuration has no layers")
    layers = tuple(map(_layer, _entries(config)))
    if isinstance(inner, list) or "input_layers" not in inner:
        return _sequential(layers)
    ends = (tuple(_histories(inner.get(f"{k}_layers"))) for k in ("input", "output"))
    inputs, outputs = ends
    return KerasModel(layers, inputs, outputs)


def _entries(config: Any) -> list[dict[str, Any]]:
    inner = config.get("config") if isinstance(config, dict) else None
    found = inner.get("layers") if isinstance(inner, dict) else inner
    entries = found if isinstance(found, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]


def _layer(entry: dict[str, Any]) -> KerasLayer:
    config = entry.get("config")
    known: Mapping[str, Any] = config if isinstance(config, dict) else {}
    name = str(entry.get("name") or known.get("name") or "")
    kind = str(entry.get("class_name"))
    whole = kind in {"Functional", "Model", "Sequential"}
    built = (entry.get("build_config") or {}).get("input_shape")
    nodes = entry.get("inbound_nodes") or ()
    return KerasLayer(
        name,
        kind,
        entry if whole else known,
        tuple(tuple(_feeds(node)) for node in nodes),
        _lengths(built),
        tuple(map(_said, nodes)),
    )


def _sequential(layers: tuple[KerasLayer, ...]) -> KerasModel:
    """Layers in a row; an input layer is added where the file has none."""
    if not layers or layers[0].kind != "InputLayer":
        first = layers[0] if layers else None
        shape = first.config.get("batch_input_shape") if first else None
        told = {"batch_shape": shape, "dtype": "float32"}
        layers = (KerasLayer("input", "InputLayer", told), *layers)
    rows = [layers[0]]
    for layer in layers[1:]:
        feed = Feed((rows[-1].name, 0, 0), layer.input_shape)
        config, shape = layer.config, layer.input_shape
        rows.append(KerasLayer(layer.name, layer.kind, config, ((feed,),), shape))
    return KerasModel(tuple(rows), ((rows[0].name, 0, 0),), ((rows[-1].name, 0, 0),))


def _feeds(node: Any) -> Iterator[Feed]:
    """The tensors of one call, in Keras 3's words or in Keras 2's."""
    if isinstance(node, dict):
        yield from _tensors(node.get("args"))
        for word, value in _said(node).items():
            yield from (replace(feed, word=word) for feed in _tensors(value))
    elif isinstance(node, list):
        yield from (Feed(history) for history in _histories(node))


def _said(node: Any) -> Mapping[str, Any]:
    found = node.get("kwargs") if isinstance(node, dict) else None
    return found if isinstance(found, dict) else {}


def _tensors(value: Any) -> Iterator[Feed]:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        config = value["config"]
        layer, call, answer = config["keras_history"]
        yield Feed((layer, call, answer), _lengths(config.get("shape")))
    elif isinstance(value, list):
        for item in value:
            yield from _tensors(item)


def _histories(found: Any) -> Iterator[History]:
    """``["layer", 0, 0]``, or such lists in lists or objects."""
    values = list(found.values()) if isinstance(found, dict) else found
    if not isinstance(values, list) or not values:
        return
    if isinstance(values[0], str):
        yield (values[0], int(values[1]), int(values[2]))
        return
    for value in values:
        yield from _histories(value)


def _lengths(shape: Any) -> tuple[int | None, ...] | None:
    if not isinstance(shape, list):
        return None
    if any(not isinstance(n, int) and n is not None for n in shape):
        return None
    return tuple(shape)
