"""A Keras configuration: its layers, and what of it is code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KNOWN_PACKAGES = frozenset({"builtins", "keras"})


def layers(config: object) -> Iterator[Mapping[str, Any]]:
    """Every layer's entry, also of models inside of models."""
    for holder in mappings(config):
        for key in ("layers", "layer"):
            value = holder.get(key)
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, dict) and "class_name" in entry:
                    yield entry


def mappings(config: object) -> Iterator[Mapping[str, Any]]:
    """Every JSON object of a value, in the order of the text."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            value = list(value.values())
        if isinstance(value, list):
            waiting.extend(reversed(value))


def code_in(config: object) -> Iterator[str]:
    """What of a configuration is code, or needs code that Keras does not have."""
    for entry in mappings(config):
        kind, name = entry.get("class_name"), name_of(entry)
        package = str(entry.get("module") or "keras").partition(".")[0]
        if kind == "Lambda":
            yield f"Lambda layer {name!r} runs Python code of its own"
        elif kind == "__lambda__":
            yield "a function is stored as Python bytecode, run when it is loaded"
        elif package not in _KNOWN_PACKAGES:
            yield f"{kind} {name!r} is code of the package {package}"
        elif kind == "function":
            yield f"the function {entry.get('config')!r} is called by its name"
        elif entry.get("registered_name") not in {None, kind}:
            yield f"{entry['registered_name']} {name!r} is a custom class"


def inputs_of(config: object) -> tuple[TensorSpec, ...]:
    """What the input layers of the outermost model take."""
    inner = config.get("config") if isinstance(config, dict) else None
    entries = inner.get("layers") if isinstance(inner, dict) else None
    specs = []
    for entry in entries if isinstance(entries, list) else []:
        found = entry.get("config") if isinstance(entry, dict) else None
        if isinstance(found, dict) and entry.get("class_name") == "InputLayer":
            # Keras 2 writes batch_input_shape.
            shape = found.get("batch_shape", found.get("batch_input_shape"))
            name, dtype = name_of(entry), _dtype(found.get("dtype"))
            specs.append(TensorSpec(name, dtype, _lengths(shape)))
    return tuple(specs)


def outputs_of(config: object) -> tuple[TensorSpec, ...]:
    """Layers that answer; a configuration does not tell the shapes of answers."""
    inner = config.get("config") if isinstance(config, dict) else None
    if not isinstance(inner, dict):
        return ()
    found: Any = inner.get("output_layers")
    if found is None and isinstance(inner.get("layers"), list):
        last = inner["layers"][-1:]
        found = [[name_of(entry)] for entry in last if isinstance(entry, dict)]
    names = _layer_names(found)
    return tuple(TensorSpec(name, "unknown", None) for name in names)


def _layer_names(found: object) -> Iterator[str]:
    """Names in ``["layer", 0, 0]``, or in lists or objects of such references."""
    if isinstance(found, dict):
        found = list(found.values())
    if not isinstance(found, list) or not found:
        return
    if isinstance(found[0], str):
        yield found[0]
        return
    for item in found:
        if isinstance(item, list) and item and isinstance(item[0], str):
            yield item[0]


def _dtype(value: object) -> str:
    if isinstance(value, str):
        return value
    config = value.get("config") if isinstance(value, dict) else None
    return str(config.get("name")) if isinstance(config, dict) else "unknown"


def _lengths(shape: object) -> tuple[int | None, ...] | None:
    if not isinstance(shape, list):
        return None
    return tuple(length if isinstance(length, int) else None for length in shape)


def name_of(entry: Mapping[str, Any]) -> str:
    """Name of a layer, "" where it has none."""
    config = entry.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return str(name or entry.get("name") or "")
