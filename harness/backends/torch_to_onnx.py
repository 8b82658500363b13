"""Exported programs as ONNX, by PyTorch's own exporter: a graph to look into.

Nothing of the file runs but the exporter's decompositions of its operators.
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch

from harness.backends.options import Options
from harness.backends.sessions import load_failure, require_file
from harness.backends.torch_program import load_program, read_program
from harness.core.errors import HarnessError, UnsupportedFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import onnx

    from harness.backends.table import Feeds

# As PyTorch writes it today: Gelu is one operator since 20.
OPSET = 20
# Writes a whole graph to standard output where the exporter of TorchScript fails.
_PRINTS = "torch._C._jit_onnx_log"


def program_to_onnx(
    path: Path, options: Mapping[str, object], _feeds: Feeds | None = None
) -> onnx.ModelProto:
    """The program of a ``.pt2`` file as an ONNX model.

    Args:
        path: The file.
        options: As the backend takes them; ``custom_ops`` counts here.
        _feeds: Not asked: a program knows the shapes of its inputs.

    Returns:
        Opset 20; inputs and outputs go by the names that the backend gives them, and
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
    with quiet():
        try:
            model = exported(program)
        except Exception as error:
            raise not_exported(path, "program", str(error)) from error
    rename(model.graph.input, model, [spec.name for spec in told.inputs])
    rename(model.graph.output, model, [spec.name for spec in told.outputs or ()])
    return model


def exported(program: Any) -> onnx.ModelProto:
    """An exported program through PyTorch's exporter, whatever that raises."""
    made = torch.onnx.export(
        program, dynamo=True, opset_version=OPSET, verbose=False, optimize=True
    )
    assert made is not None  # only the old exporter answers nothing
    model: onnx.ModelProto = made.model_proto
    return model


def not_exported(path: Path, what: str, why: str) -> UnsupportedFormatError:
    """The refusal, with the beginning of what PyTorch said."""
    text = " ".join(why.split())[:200] or "it does not say why"
    return UnsupportedFormatError(
        f"{path}: PyTorch does not export this {what} to ONNX: {text}",
        hint="its graph is left out of the diagnosis; its answers are compared",
    )


@contextmanager
def quiet() -> Iterator[None]:
    """The exporters log and warn of their own deprecations, and print what they see."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), mock.patch(_PRINTS):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def rename(values: Any, model: onnx.ModelProto, names: list[str]) -> None:
    """Give the graph's inputs or outputs other names, wherever they are meant."""
    new = {v.name: name for v, name in zip(values, names, strict=True)}
    for value in values:
        value.name = new[value.name]
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
