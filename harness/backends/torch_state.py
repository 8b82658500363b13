"""Weights alone, a state_dict or safetensors, and the user's factory for the module."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from harness.backends.factories import made_by
from harness.backends.parts import reading
from harness.backends.torch_inputs import declared_inputs
from harness.backends.torch_modules import evaluating
from harness.backends.torch_values import TorchModel
from harness.core.errors import (
    MissingDependencyError,
    ModelLoadError,
    SuiteError,
    UnsafeModelError,
)
from harness.formats.json_text import parse_json
from harness.formats.malformed import OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.backends.options import Options

_GLOBAL = re.compile(r"GLOBAL (\S+)")
_SHOWN = 4
_MAX_HEADER = 100_000_000  # safetensors' own


def load_state(path: Path, form: str, options: Options) -> TorchModel:
    """The module that the suite's factory builds, with the file's weights in it.

    Raises:
        SuiteError: No factory is named, it cannot be found, or it gives no module.
        UnsafeModelError: The file holds more than tensors and plain containers.
        ModelLoadError: The factory fails, or the weights do not fit its module.
    """
    module = read_module(path, form, options)
    factory = options.get("factory", str, "")
    facts = {"form": form, "factory": factory, **evaluating(module)}
    required, optional = _arguments(path, module)
    inputs = declared_inputs(options, required, optional, path)
    return TorchModel(inputs, lambda feeds: module(**feeds), facts=facts)


def read_module(path: Path, form: str, options: Options) -> Any:
    """The factory's module with the file's weights in it.

    Raises:
        SuiteError: No factory is named, it cannot be found, or it gives no module.
        UnsafeModelError: The file holds more than tensors and plain containers.
        ModelLoadError: The factory fails, or the weights do not fit its module.
    """
    loaded = _safetensors(path) if form == "safetensors" else _pickled(path)
    state = _state(path, loaded, options.get("state", str, ""))
    factory = options.get("factory", str, "")
    if not factory:
        raise SuiteError(
            f"{path} holds {len(state)} tensors, {_some(state)}, and no architecture",
            hint="name the function that builds the module: options = { factory ="
            ' "package.module:function" }',
        )
    module = _built(options, factory)
    _fill(path, factory, module, state)
    return module


def _safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingDependencyError(
            f"{path} needs safetensors, not installed",
            hint="pip install 'model-quality-harness[torch]'",
        ) from error
    _check_header(path)
    return load_file(path, device="cpu")


def _check_header(path: Path) -> None:
    """Let a header pass that is JSON within bounds; how long it is, it tells first."""
    with reading(path, "safetensors file"), path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > _MAX_HEADER:
            raise OutOfBounds(f"its header takes {length:,} bytes")
        parse_json(stream.read(length), "its header")


def _pickled(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        found = _GLOBAL.search(str(error))
        what = found.group(1) if found else "something else than tensors"
        raise UnsafeModelError(
            f"{path} holds a pickle of {what}, and no weights alone: loading it could"
            " run any code",
            hint="save model.state_dict() with torch.save, or the model with"
            " torch.export.save",
        ) from error


def _state(path: Path, loaded: Any, key: str) -> Mapping[str, Any]:
    if key:
        if not isinstance(loaded, Mapping) or key not in loaded:
            raise SuiteError(
                f"{path} has no entry {key!r}, which options.state names",
                hint=f"its entries are: {_some(_keys(loaded))}",
            )
        loaded = loaded[key]
    keys = _keys(loaded)
    tensors = isinstance(loaded, Mapping) and [
        name for name in keys if isinstance(loaded[name], torch.Tensor)
    ]
    if not tensors:
        raise ModelLoadError(
            f"{path} holds no tensors by name, but a {type(loaded).__name__} of"
            f" {_some(keys)}",
            hint='name the entry that does: options = { state = "state_dict" }',
        )
    return dict(loaded)


def _keys(loaded: Any) -> list[str]:
    return [str(key) for key in loaded] if isinstance(loaded, Mapping) else []


def _built(options: Options, factory: str) -> Any:
    module = made_by(factory, options.get("factory_args", dict, {}))
    if not isinstance(module, torch.nn.Module):
        raise SuiteError(
            f"factory {factory!r} gives an object of type {type(module).__name__}, no"
            " torch.nn.Module",
            hint="name a function that builds the module and returns it",
        )
    return module


def _fill(path: Path, factory: str, module: Any, state: Mapping[str, Any]) -> None:
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state]
    unexpected = [name for name in state if name not in wanted]
    misfits = [
        f"{name} {_shape(state[name])} for {_shape(tensor)}"
        for name, tensor in wanted.items()
        if name in state and _shape(state[name]) != _shape(tensor)
    ]
    told = [
        f"{len(names)} {what}: {_some(names)}"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misfits),
        )
        if names
    ]
    if told:
        raise ModelLoadError(
            f"{path} does not fit the module of factory {factory!r}; {'; '.join(told)}",
            hint=_why(missing, unexpected),
        )
    module.load_state_dict(state)


def _shape(value: Any) -> tuple[int, ...]:
    # Modules may keep more than tensors in their state.
    return tuple(getattr(value, "shape", ()))


def _why(missing: list[str], unexpected: list[str]) -> str:
    prefixes = {name.partition(".")[0] for name in unexpected}
    if len(prefixes) == 1 and len(unexpected) == len(missing):
        prefix = next(iter(prefixes))
        if {name.removeprefix(f"{prefix}.") for name in unexpected} == set(missing):
            return (
                f"the weights are those of a module inside of another, {prefix!r}, as"
                f" DataParallel makes: save model.{prefix}.state_dict()"
            )
    return "check factory and factory_args against the code that saved the weights"


def _arguments(path: Path, module: Any) -> tuple[list[str], list[str]]:
    """Names that forward must be given, and those that it has a default for."""
    parameters = inspect.signature(module.forward).parameters.values()
    bare = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY}
    if odd := [p.name for p in parameters if p.kind in bare]:
        raise ModelLoadError(
            f"{path}: forward takes {odd[0]!r} by position, not by name",
            hint="let the factory return a module whose forward names its inputs",
        )
    named = [p for p in parameters if p.kind != inspect.Parameter.VAR_KEYWORD]
    empty = inspect.Parameter.empty
    return (
        [p.name for p in named if p.default is empty],
        [p.name for p in named if p.default is not empty],
    )


def _some(names: Iterable[str]) -> str:
    shown = [*names]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return (", ".join(shown[:_SHOWN]) or "nothing") + more
