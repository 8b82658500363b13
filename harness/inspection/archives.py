"""Models that are zip archives: Keras' and PyTorch's. Nothing in them is executed."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.core.errors import ModelLoadError, UnsupportedFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

# A configuration is text of some KB; a larger one is not unpacked.
_MAX_CONFIG = 64 << 20
_KNOWN_PACKAGES = frozenset({"builtins", "keras"})
_KERAS_NOT_READ = "inputs, outputs and weights: they need Keras"
_TORCH_NOT_READ = "operators, inputs, outputs and weights: they need PyTorch"
_PICKLE = (
    "it holds a pickle, which can run any code when it is loaded: load it with"
    " weights_only=True, or convert it where you trust it"
)


def inspect_archive(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a ``.keras`` or PyTorch archive.

    Raises:
        ModelLoadError: The archive is cut short, or its configuration is no JSON.
        UnsupportedFormatError: It holds neither kind of model.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _inspect(path, archive, facts)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ModelLoadError(
            f"{path} is a damaged archive: {error}",
            hint="save or copy the model again; it may have been cut short",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelLoadError(
            f"{path} holds a configuration that cannot be read: {error}",
            hint="save the model again",
        ) from error


def _inspect(path: Path, archive: zipfile.ZipFile, facts: ModelFacts) -> ModelFacts:
    names = archive.namelist()
    if "config.json" in names:
        return _keras(archive, facts)
    if any(name.endswith(".pkl") for name in names):
        return replace(
            facts,
            format="PyTorch archive",
            safety=(_PICKLE,),
            not_read=(_TORCH_NOT_READ,),
        )
    shown = ", ".join(sorted(names)[:5]) or "nothing"
    raise UnsupportedFormatError(
        f"{path} is an archive of no model form that is known here; it holds {shown}",
        hint="name a .keras file or a PyTorch archive",
    )


def _keras(archive: zipfile.ZipFile, facts: ModelFacts) -> ModelFacts:
    facts = replace(facts, format="Keras archive", producer=_keras_version(archive))
    config = _json(archive, "config.json")
    if config is None:
        too_large = f"layers: config.json is larger than {_MAX_CONFIG >> 20} MiB"
        return replace(facts, not_read=(too_large, _KERAS_NOT_READ))
    counts = Counter(str(layer["class_name"]) for layer in _layers(config))
    return replace(
        facts,
        operators=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        safety=tuple(dict.fromkeys(_code_in(config))),
        not_read=(_KERAS_NOT_READ,),
    )


def _keras_version(archive: zipfile.ZipFile) -> str | None:
    if "metadata.json" not in archive.namelist():
        return None
    metadata = _json(archive, "metadata.json")
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return f"keras {version}" if version else None


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > _MAX_CONFIG:
        return None
    return json.loads(archive.read(name))


def _layers(config: object) -> Iterator[Mapping[str, Any]]:
    """Every layer's entry, also of models inside of models."""
    for holder in _mappings(config):
        for key in ("layers", "layer"):
            value = holder.get(key)
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, dict) and "class_name" in entry:
                    yield entry


def _mappings(config: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(config, dict):
        yield config
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _mappings(item)


def _code_in(config: object) -> Iterator[str]:
    """What of a configuration is code, or needs code that Keras does not have."""
    for entry in _mappings(config):
        kind, name = entry.get("class_name"), _name_of(entry)
        package = str(entry.get("module") or "keras").partition(".")[0]
        if kind == "Lambda":
            yield f"Lambda layer {name!r} runs Python code of its own"
        elif kind == "__lambda__":
            yield "a function is stored as Python bytecode, run when it is loaded"
        elif package not in _KNOWN_PACKAGES:
            yield f"{kind} {name!r} is code of the package {package}"
        elif entry.get("registered_name") not in {None, kind}:
            yield f"{entry['registered_name']} {name!r} is a custom class"


def _name_of(entry: Mapping[str, Any]) -> str:
    config = entry.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return str(name or entry.get("name") or "")
