"""TorchScript, and modules that a factory builds, as ONNX: a graph to look into.

PyTorch's exporter of TorchScript takes the graph as it is. Where that loops or
branches, or calls an operator that stands for a whole layer, the module is followed on
shapes of the golden data (`harness.backends.torch_trace`), and what it ran is exported.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnx
import torch

from harness.backends.options import Options
from harness.backends.sessions import load_failure, require_file
from harness.backends.torch_files import torch_form
from harness.backends.torch_modules import evaluating
from harness.backends.torch_script import read_script
from harness.backends.torch_state import read_module
from harness.backends.torch_to_onnx import (
    OPSET,
    exported,
    not_exported,
    quiet,
    rename,
)
from harness.backends.torch_trace import followed
from harness.backends.torch_values import as_tensor, flatten
from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.backends.table import Feeds

_FLOW = frozenset({"If", "Loop", "Scan"})
# What is followed may keep the batch that it was followed with; findings look at as
# many samples then.
_FOLLOWED = 16
_SCRIPT = frozenset({"custom_ops", "inputs"})
_STATE = frozenset({"factory", "factory_args", "inputs", "state"})


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """Where a module comes from, anew at each call, and what it is fed."""

    path: Path
    module: Callable[[], Any]
    feeds: Feeds

    def tensors(self, n_samples: int) -> dict[str, Any]:
        return {name: as_tensor(a) for name, a in self.feeds(n_samples).items()}


def script_to_onnx(
    path: Path, options: Mapping[str, object], feeds: Feeds
) -> onnx.ModelProto:
    """The module of a TorchScript archive as an ONNX model.

    Args:
        path: The file.
        options: As the backend takes them.
        feeds: Samples -> what the model is fed for the first of them.

    Returns:
        Opset 20; inputs and outputs go by the names that the backend gives them.

    Raises:
        ModelLoadError: The file is broken.
        UnsafeModelError: Its code calls what the suite did not allow.
        UnsupportedFormatError: It branches on values, or has an operator that the
            exporter does not know.
    """
    named = {name: options[name] for name in _SCRIPT & options.keys()}
    asked = Options("torch", named, _SCRIPT)
    return _exported(
        _File(path, lambda: _loaded(path, lambda: read_script(path, asked)), feeds)
    )


def state_to_onnx(
    path: Path, options: Mapping[str, object], feeds: Feeds
) -> onnx.ModelProto:
    """The module that the suite's factory builds, with a file's weights, as ONNX.

    See `script_to_onnx`.

    Raises:
        SuiteError: No factory is named, or it gives no module.
        UnsafeModelError: The file holds more than tensors.
        ModelLoadError: The weights do not fit the module.
        UnsupportedFormatError: It has an operator that the exporter does not know.
    """
    named = {name: options[name] for name in _STATE & options.keys()}
    asked = Options("torch", named, _STATE)
    module = _loaded(path, lambda: read_module(path, torch_form(path), asked))
    return _exported(_File(path, lambda: _traced(path, module, feeds), feeds))


def _traced(path: Path, module: Any, feeds: Feeds) -> Any:
    fed = {name: as_tensor(array) for name, array in feeds(2).items()}
    try:
        return torch.jit.trace(
            module, example_kwarg_inputs=fed, strict=False, check_trace=False
        )
    except Exception as error:
        raise not_exported(path, "module", _last(error)) from error


def _loaded(path: Path, read: Callable[[], Any]) -> Any:
    require_file(path)
    try:
        module = read()
    except HarnessError:
        raise
    except Exception as error:
        raise load_failure("torch", path, error) from error
    evaluating(module)
    return module


def _exported(file: _File) -> onnx.ModelProto:
    # With gradients, PyTorch takes more apart.
    with quiet(), torch.no_grad():
        try:
            model = _as_it_is(file)
        except HarnessError:
            raise
        except Exception:  # noqa: BLE001 - it raises anything; there is another way
            return _as_it_runs(file)
        flows = not _FLOW.isdisjoint(node.op_type for node in model.graph.node)
        return _as_it_runs(file) if flows else model


def _as_it_is(file: _File) -> onnx.ModelProto:
    """The graph of the file, its batch free."""
    module, few, more = file.module(), file.tensors(2), file.tensors(3)
    arguments = [a.name for a in module.forward.schema.arguments[1:]]
    last = max(map(arguments.index, few))
    buffer = io.BytesIO()
    outputs = list(_answers(module, few))
    torch.onnx.export(
        module,
        tuple(few.get(name) for name in arguments[: last + 1]),
        buffer,
        dynamo=False,
        opset_version=OPSET,
        input_names=[name for name in arguments if name in few],
        dynamic_axes={name: _free_axes(few[name], more[name]) for name in few},
        verbose=False,
    )
    model = onnx.load_from_string(buffer.getvalue())
    rename(model.graph.output, model, outputs)
    return model


def _free_axes(few: Any, more: Any) -> dict[int, str]:
    sizes = zip(few.shape, more.shape, strict=True)
    return {axis: "n" for axis, (a, b) in enumerate(sizes) if a != b}


def _as_it_runs(file: _File) -> onnx.ModelProto:
    """What the module runs on inputs of these shapes."""
    # The other exporter edits what it is given.
    module = file.module()
    fed, more = file.tensors(_FOLLOWED), file.tensors(_FOLLOWED + 1)
    free = {name: _free_axes(fed[name], more[name]) for name in fed}

    def call(*given: Any) -> list[Any]:
        return [*_answers(module, dict(zip(fed, given, strict=True))).values()]

    try:
        model = exported(followed(call, fed, free))
    except Exception as error:
        raise not_exported(file.path, "module", _last(error)) from error
    rename(model.graph.input, model, list(fed))
    rename(model.graph.output, model, list(_answers(module, fed)))
    return model


def _answers(module: Any, fed: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors by the names of the backend's outputs, in their order."""
    return dict(flatten(module(**fed)))


def _last(error: BaseException) -> str:
    """What went wrong at the root: exporters and interpreters wrap it at length."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error)
    if "DataDependent" in type(error).__name__ or "data-dependent" in text.lower():
        return "it loops or branches on numbers, not on shapes alone"
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
