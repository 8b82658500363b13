"""Exported programs: graphs that ``torch.export`` captured, in ``.pt2`` files."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from harness.backends.torch_program_safety import refuse_code
from harness.backends.torch_values import TorchModel, dtype_name, flatten
from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.backends.options import Options

_FORCE, _FORBID = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
# Operators that compute otherwise in training, and which argument tells them so.
_TRAINED = {
    "aten.alpha_dropout.default": 2,
    "aten.batch_norm.default": 5,
    "aten.dropout.default": 2,
    "aten.feature_dropout.default": 2,
    "aten.instance_norm.default": 5,
}


def load_program(path: Path, options: Options) -> TorchModel:
    """An exported program as a module; its file tells inputs and outputs.

    Raises:
        UnsafeModelError: Loading it would run code that the suite did not allow.
        ModelLoadError: It was exported in training mode, or takes other things than
            tensors.
    """
    program = read_program(path, options)
    return TorchModel(
        inputs=tuple(_spec(name, value) for name, value in _fed(program).items()),
        answer=_Program(program),
        outputs=tuple(_outputs(program)),
        facts={"form": "exported program"},
    )


def read_program(path: Path, options: Options) -> Any:
    """The program itself, once it is sure that loading it runs no code.

    Raises:
        UnsafeModelError: Loading it would run code that the suite did not allow.
        ModelLoadError: It was exported in training mode, or takes other things than
            tensors.
    """
    refuse_code(path, frozenset(options.names("custom_ops")))
    with _weights_only(path), _whole_errors():
        program = torch.export.load(str(path))
    _refuse_training(path, program)
    _refuse_other_types(path, program)
    return program


class _Program:
    """The program, called with tensors by name; its constants are filled in."""

    def __init__(self, program: Any) -> None:
        # Guards are code that the file brings along. What they ask is asked of the
        # feeds, and ranges of free axes are held by a hook of the module's.
        self._module = program.module(check_guards=False)
        self._structure = program.call_spec.in_spec
        self._names = program.graph_signature.user_inputs
        self._dtypes = {name: value.dtype for name, value in _fed(program).items()}

    def __call__(self, feeds: dict[str, Any]) -> Any:
        leaves = [self._leaf(name, feeds) for name in self._names]
        args, kwargs = self._structure.unflatten(leaves)
        return self._module(*args, **kwargs)

    def _leaf(self, name: Any, feeds: dict[str, Any]) -> Any:
        # A constant stands in the signature by its value.
        if not isinstance(name, str) or name not in feeds:
            return name
        # Arrays have no bfloat16.
        return feeds[name].to(self._dtypes[name])


def _fed(program: Any) -> dict[str, Any]:
    """Example values of the inputs; what was constant at export is filled in."""
    inputs = program.graph_signature.input_specs
    names = {
        spec.arg.name
        for spec in inputs
        if spec.kind.name == "USER_INPUT" and not hasattr(spec.arg, "value")
    }
    nodes = (node for node in program.graph.nodes if node.op == "placeholder")
    return {node.name: node.meta["val"] for node in nodes if node.name in names}


def _refuse_other_types(path: Path, program: Any) -> None:
    for name, value in _fed(program).items():
        if not isinstance(value, torch.Tensor):
            raise ModelLoadError(
                f"{path}: the program takes {name!r}, a {type(value).__name__}",
                hint="export a module whose forward takes tensors alone",
            )


def _outputs(program: Any) -> Iterator[TensorSpec]:
    last = next(node for node in program.graph.nodes if node.op == "output")
    specs = program.graph_signature.output_specs
    answers = [
        getattr(node, "meta", {}).get("val")
        for node, spec in zip(last.args[0], specs, strict=True)
        if spec.kind.name == "USER_OUTPUT"
    ]
    for name, value in flatten(program.call_spec.out_spec.unflatten(answers)):
        yield _spec(name, value)


def _spec(name: str, value: Any) -> TensorSpec:
    shape = tuple(n if isinstance(n, int) else None for n in value.shape)
    return TensorSpec(name, dtype_name(value.dtype), shape)


def _refuse_training(path: Path, program: Any) -> None:
    for node in program.graph.nodes:
        place = _TRAINED.get(str(node.target))
        if place is not None and len(node.args) > place and node.args[place] is True:
            raise ModelLoadError(
                f"{path} was exported in training mode: its {node.name} still trains",
                hint="call model.eval() before torch.export.export",
            )


@contextmanager
def _weights_only(path: Path) -> Iterator[None]:
    """Have PyTorch unpickle tensors alone, also where it would fall back to more."""
    before = {name: os.environ.pop(name, None) for name in (_FORCE, _FORBID)}
    os.environ[_FORCE] = "1"
    try:
        yield
    except UnpicklingError as error:
        raise UnsafeModelError(
            f"{path} holds a pickle of more than tensors, which could run any code",
            hint="export the program again; tensors are all that it needs",
        ) from error
    finally:
        del os.environ[_FORCE]
        os.environ.update({k: v for k, v in before.items() if v is not None})


@contextmanager
def _whole_errors() -> Iterator[None]:
    """Raise what PyTorch only logs before it raises "check the warnings above"."""
    logger = logging.getLogger("torch.export")
    caught: list[BaseException] = []

    def take(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1]:
            caught.append(record.exc_info[1])
        return False

    logger.addFilter(take)
    try:
        yield
    except Exception as error:
        if caught:
            raise caught[0] from error
        raise
    finally:
        logger.removeFilter(take)
