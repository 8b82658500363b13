"""Exported programs as ONNX, by PyTorch's own exporter: a graph to look into.

Nothing of the file runs but the exporter's decompositions of its operators.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from harness.backends.options import Options
from harness.backends.sessions import load_failure, require_file
from harness.backends.torch_program import load_program, read_program
from harness.core.errors import HarnessError, UnsupportedFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import onnx

_OPSET = 18


def program_to_onnx(path: Path, options: Mapping[str, object]) -> onnx.ModelProto:
    """The program of a ``.pt2`` file as an ONNX model.

    Args:
        path: The file.
        options: As the backend takes them; ``custom_ops`` counts here.

    Returns:
        Opset 18; inputs and outputs go by the names that the backend gives them, and
        values by those of the program's nodes.

    Raises:
        ModelLoadError: The file is broken.
        UnsafeModelError: Loading it would run code that the suite did not allow.
        UnsupportedFormatError: The exporter does not know an operator of it.
    """
    named = {"custom_ops": options["custom_ops"]} if "custom_ops" in options else {}
    asked = Options("torch", named, ("custom_ops",))
    require_file(path)
    try:
        told, program = load_program(path, asked), read_program(path, asked)
    except HarnessError:
        raise
    except Exception as error:
        raise load_failure("torch", path, error) from error
    model = _exported(path, program)
    _rename(model.graph.input, model, [spec.name for spec in told.inputs])
    _rename(model.graph.output, model, [spec.name for spec in told.outputs or ()])
    return model


def _exported(path: Path, program: Any) -> onnx.ModelProto:
    with _quiet():
        try:
            made = torch.onnx.export(
                program, dynamo=True, opset_version=_OPSET, verbose=False, optimize=True
            )
        except Exception as error:
            text = " ".join(str(error).split())[:200] or type(error).__name__
            raise UnsupportedFormatError(
                f"{path}: PyTorch does not export this program to ONNX: {text}",
                hint="its graph is left out of the diagnosis; its answers are compared",
            ) from error
    assert made is not None  # only the old exporter answers nothing
    model: onnx.ModelProto = made.model_proto
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter logs and warns of its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _rename(values: Any, model: onnx.ModelProto, names: list[str]) -> None:
    """Give the graph's inputs or outputs other names, wherever they are meant."""
    new = {v.name: name for v, name in zip(values, names, strict=True)}
    for value in values:
        value.name = new[value.name]
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
