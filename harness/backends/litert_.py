"""LiteRT (TensorFlow Lite) models through ai-edge-litert."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from harness.backends.flat_files import check_litert
from harness.backends.litert_graphs import choose_graph
from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.stderr import quiet_start
from harness.core.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Runtime

_ALLOWED = frozenset({"kernels", "num_threads", "signature"})
_KERNELS = {
    "default": "AUTO",
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}
_FLEX = re.compile(r"Select TensorFlow op.*?\(Flex(\w+)\)", re.DOTALL)
_CUSTOM = re.compile(r"unresolved custom op: (\w+)")


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a ``.tflite`` file.

    A quantized integer input takes floats and is quantized by its own scale and zero
    point, q = round(x / scale) + zero_point, as the runtime's Quantize operator does;
    a quantized output is told as float32, (q - zero_point) * scale. `runtime` records
    both. An input also takes its integers as they are.

    Args:
        path: The file.
        options: ``num_threads`` (1); ``kernels``: default (optimized, XNNPACK's where
            it has them), builtin (optimized without XNNPACK) or reference, which
            answer int8 models differently; ``signature``, where there are several
            (serving_default).

    Raises:
        SuiteError: An option is unknown or has a wrong value.
        ModelLoadError: The file is missing or broken, or has operators of TensorFlow
            or of somebody else.
        UnsafeModelError: A graph of it runs itself, or its weights lie outside of its
            folder.
    """
    request = Options("litert", options, _ALLOWED)
    threads = request.count("num_threads", 1)
    kernels = request.choice("kernels", _KERNELS, "default")
    require_file(path)
    check_litert(path)
    try:
        interpreter = _interpreter(path, threads, kernels)
        signature = request.get("signature", str, "")
        graph, signature_name = choose_graph(interpreter, signature, path)
    except (ValueError, RuntimeError) as error:
        raise _refused(path, error) from error
    tensors = [*graph.inputs, *graph.outputs]
    runtime: Runtime = {
        "backend": "litert",
        "version": version("ai-edge-litert"),
        "num_threads": threads,
        "kernels": kernels,
        "signature": signature_name,
        **{f"quantized.{t.name}": t.rule for t in tensors if t.quantized},
    }
    return LiveSession(
        LoadedModel(
            inputs=tuple(tensor.spec for tensor in graph.inputs),
            outputs=tuple(tensor.spec for tensor in graph.outputs),
            runtime=runtime,
            call=graph,
            errors=(RuntimeError, ValueError),
            translate=lambda error: batch_error("litert", str(path), error),
            also={t.name: (t.dtype.name,) for t in graph.inputs if t.quantized},
        )
    )


def _interpreter(path: Path, threads: int, kernels: str) -> Any:
    from ai_edge_litert import interpreter as litert

    resolver = getattr(litert.OpResolverType, _KERNELS[kernels])
    with quiet_start():
        interpreter = litert.Interpreter(
            model_path=str(path),
            num_threads=threads or None,
            experimental_op_resolver_type=resolver,
        )
        interpreter.allocate_tensors()
    return interpreter


def _refused(path: Path, error: Exception) -> ModelLoadError:
    text = str(error)
    if found := _FLEX.search(text):
        return ModelLoadError(
            f"{path} has the operator {found[1]} of TensorFlow itself (Flex{found[1]}),"
            " which LiteRT does not have",
            hint="convert with TFLITE_BUILTINS alone, or run the SavedModel instead",
        )
    if found := _CUSTOM.search(text):
        return ModelLoadError(
            f"{path} has the custom operator {found[1]}, whose code is not in the file",
            hint="convert with LiteRT's own operators alone",
        )
    return load_failure("litert", path, error)
