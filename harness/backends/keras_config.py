"""What a Keras configuration asks to run or read, refused before Keras reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.core.errors import UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

# Layers that run a program from somewhere else: a SavedModel at a path, a pickle.
_PROGRAMS = frozenset({"TFSMLayer", "TorchModuleWrapper"})
_BYTECODE = "__lambda__"
# Parts of Keras that models are made of; others download, read and write files.
_PARTS = frozenset(
    {
        *("activations", "constraints", "dtype_policies", "initializers", "layers"),
        *("losses", "metrics", "mixed_precision", "models", "ops", "optimizers"),
        *("quantizers", "random", "regularizers"),
    }
)
_MODEL_FUNCTIONS = ("load_model", "model_from_json", "save_model", "load_weights")


def refuse_code(
    config: Any, path: Path, allowed: Collection[str], modules: Collection[str] = ()
) -> None:
    """Let a configuration pass that Keras can build from its own classes.

    Args:
        config: The JSON value, of a whole model with all models inside of it.
        path: Of the file, for messages.
        allowed: Names of Lambda layers that the suite allows.
        modules: Names of modules, whose classes it allows too.

    Raises:
        UnsafeModelError: It has a Lambda layer that is not allowed, bytecode outside
            of an allowed one, a layer that loads a program, a vocabulary that is read
            from a path, or a class or function of another package or of a part of
            Keras that models are not made of.
    """
    for entry in _objects(config, allowed):
        kind, name = entry.get("class_name"), _name(entry)
        if kind == "Lambda":
            raise UnsafeModelError(
                f"{path}: layer {name!r} is a Lambda: Python code inside the model"
                " file",
                hint="save the model with a registered layer class in its place, or"
                f' say options = {{ allow_lambda = ["{name}"] }} where you trust it',
            )
        if kind == _BYTECODE:
            raise UnsafeModelError(
                f"{path}: a function is stored as Python bytecode",
                hint="save the model with a registered function in its place",
            )
        if kind in _PROGRAMS:
            raise UnsafeModelError(
                f"{path}: layer {name!r} is a {kind}: it loads a program from"
                " elsewhere",
                hint="run the program by its own backend, or save the model without it",
            )
        _refuse_module(entry, path, modules)
        if isinstance(vocabulary := _inner(entry).get("vocabulary"), str):
            raise UnsafeModelError(
                f"{path}: layer {name!r} reads its vocabulary from {vocabulary!r}",
                hint="save the model with the vocabulary itself: a list of terms",
            )


def _refuse_module(
    entry: Mapping[str, Any], path: Path, modules: Collection[str]
) -> None:
    module = entry.get("module")
    if not isinstance(module, str) or not module:
        return
    kind = entry.get("class_name")
    name = entry.get("config") if kind == "function" else kind
    whole = f"{module}.{name}"
    if module == "builtins" or any(whole.startswith(f"{m}.") for m in modules):
        return
    package, *parts = whole.replace("keras.src.", "keras.", 1).split(".")
    if package != "keras":
        raise UnsafeModelError(
            f"{path}: {_name(entry) or name!r} is a {name} of {module}: code of another"
            " package",
            hint="where you trust it, say options = { custom_modules ="
            f' ["{module}"] }} in the variant',
        )
    if (parts[1:] and parts[0] not in _PARTS) or parts[-1] in _MODEL_FUNCTIONS:
        raise UnsafeModelError(
            f"{path}: it calls {whole}, which models are not made of",
            hint="do not load it; ask who made it",
        )


def _objects(config: Any, allowed: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """All JSON objects but those inside of allowed Lambda layers."""
    if isinstance(config, dict):
        if config.get("class_name") == "Lambda" and _name(config) in allowed:
            return
        yield config
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _objects(item, allowed)


def _name(entry: Mapping[str, Any]) -> str:
    return str(_inner(entry).get("name") or entry.get("name") or "")


def _inner(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = entry.get("config")
    return inner if isinstance(inner, dict) else {}
