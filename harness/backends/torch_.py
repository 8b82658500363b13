"""PyTorch on the CPU: TorchScript, exported programs, and weights with a factory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.torch_files import torch_form
from harness.backends.torch_program import load_program
from harness.backends.torch_script import load_script
from harness.backends.torch_state import load_state
from harness.backends.torch_values import ANY, NUMBERS, TorchCall, TorchModel, probed
from harness.core.errors import HarnessError, ModelLoadError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.errors import InferenceError
    from harness.core.protocols import TensorSpec

_STATE = frozenset({"factory", "factory_args", "inputs", "state"})
_OWN = {
    "torchscript": frozenset({"custom_ops", "inputs"}),
    "exported-program": frozenset({"custom_ops"}),
}
_ALLOWED = frozenset({"custom_ops", "num_threads", *_STATE})
_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError),
    *(NotImplementedError, RuntimeError, TypeError, ValueError),
)


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a PyTorch file on the CPU, in evaluation mode, without gradients.

    Operators run on one thread unless ``num_threads`` says otherwise, which is also
    what makes their sums repeatable; the setting is the process's. Outputs are called
    "output", "output_0" and so on, or by their keys.

    Args:
        path: TorchScript, ``.pt2``, a state_dict or safetensors.
        options: ``num_threads`` (1; 0 leaves the process's). ``custom_ops``: names,
            "namespace::operator", that TorchScript or a program may call besides
            PyTorch's own. ``factory`` ("package.module:function") and
            ``factory_args`` build the module for weights; ``state`` names the entry
            of a checkpoint that holds them. ``inputs``, a table of dtype and shape an
            input, tells what neither TorchScript nor a module does.

    Raises:
        SuiteError: An option is unknown, wrong or missing, or the factory is.
        ModelLoadError: The file is missing, broken or not supported, the factory
            fails, or the weights do not fit its module.
        UnsafeModelError: The file would run code that the suite does not name.
    """
    request = Options("torch", options, _ALLOWED)
    threads = request.count("num_threads", 1)
    require_file(path)
    try:
        model = _loaded(path, options, request)
    except HarnessError:
        raise
    except Exception as error:
        raise load_failure("torch", path, error) from error
    return LiveSession(
        LoadedModel(
            inputs=model.inputs,
            outputs=_outputs(path, model),
            runtime={
                "backend": "torch",
                "version": str(torch.__version__),
                **model.facts,
                "num_threads": threads or torch.get_num_threads(),
                # What decides the last bits besides.
                "deterministic": torch.are_deterministic_algorithms_enabled(),
                "float32_matmul_precision": torch.get_float32_matmul_precision(),
            },
            call=TorchCall(model, threads),
            errors=_ERRORS,
            translate=lambda error: _run_error(path, error),
            also={spec.name: NUMBERS for spec in model.inputs if spec.dtype == ANY},
        )
    )


def _loaded(path: Path, options: Mapping[str, object], request: Options) -> TorchModel:
    form = torch_form(path)
    allowed = {"num_threads", *_OWN.get(form, _STATE)}
    if odd := sorted(set(options) - allowed):
        raise SuiteError(
            f"{path} is {form}, which option {odd[0]!r} says nothing of",
            hint=f"options here are: {', '.join(sorted(allowed))}",
        )
    if form == "torchscript":
        return load_script(path, request)
    if form == "exported-program":
        return load_program(path, request)
    return load_state(path, form, request)


def _outputs(path: Path, model: TorchModel) -> tuple[TensorSpec, ...]:
    """As the file tells, else as zeros of the declared inputs show."""
    try:
        if model.outputs is not None and all(
            o.shape is not None for o in model.outputs
        ):
            return model.outputs
        return probed(model) or model.outputs or ()
    except _ERRORS as error:
        raise ModelLoadError(
            f"{path}: the model fails on zeros of the inputs that are declared:"
            f" {' '.join(str(error).split())}",
            hint="hold options.inputs against the module's forward",
        ) from error


def _run_error(path: Path, error: Exception) -> InferenceError:
    # TorchScript tells where in its code first, at length, and what went wrong last.
    *_, text = str(error).rpartition("RuntimeError: ")
    return batch_error("torch", str(path), RuntimeError(text))
