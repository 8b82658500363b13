"""LiteRT (TensorFlow Lite) models through ai-edge-litert."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.stderr import quiet_start
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, Runtime

_ALLOWED = frozenset({"num_threads", "kernels"})
_KERNELS = {"default": "AUTO", "reference": "BUILTIN_REF"}
_INTEGERS = (np.int8, np.uint8, np.int16)


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a ``.tflite`` file.

    A quantized integer input takes floats and is quantized by its own scale and zero
    point, q = round(x / scale) + zero_point, as the runtime's Quantize operator does;
    a quantized output is told as float32, (q - zero_point) * scale. `runtime` records
    both. An input also takes its integers as they are.

    Args:
        path: The file.
        options: ``num_threads`` (1), ``kernels`` (default, reference: the optimized
            and the reference kernels answer int8 models differently).

    Raises:
        SuiteError: An option is unknown or has a wrong value.
        ModelLoadError: The file is missing, broken or not supported.
    """
    request = Options("litert", options, _ALLOWED)
    threads = request.count("num_threads", 1)
    kernels = request.choice("kernels", _KERNELS, "default")
    require_file(path)
    try:
        graph = _Graph(_interpreter(path, threads, kernels))
    except (ValueError, RuntimeError) as error:
        raise load_failure("litert", path, error) from error
    runtime: Runtime = {
        "backend": "litert",
        "version": version("ai-edge-litert"),
        "num_threads": threads,
        "kernels": kernels,
        **{f"quantized.{t.name}": t.rule for t in graph.tensors if t.quantized},
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


@dataclass(frozen=True, slots=True)
class _Tensor:
    """One input or output of the graph.

    Attributes:
        name: Of the signature's argument, else the tensor's own.
        index: In the interpreter.
        dtype: As the graph takes or gives it.
        shape: None where a dimension is free.
        scale: Of a quantized tensor, else 0.
        zero_point: Likewise.
    """

    name: str
    index: int
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]
    scale: float
    zero_point: int

    @property
    def quantized(self) -> bool:
        return self.scale != 0 and self.dtype in _INTEGERS

    @property
    def spec(self) -> TensorSpec:
        text = self.dtype.kind in "SO"
        dtype = "float32" if self.quantized else "str" if text else self.dtype.name
        return TensorSpec(self.name, dtype, self.shape)

    @property
    def rule(self) -> str:
        return f"{self.dtype.name}, scale {self.scale:g}, zero point {self.zero_point}"

    def to_graph(self, array: Array) -> Array:
        if array.dtype == self.dtype or not self.quantized:
            return array
        scaled = array / np.float32(self.scale)
        # Half away from zero, the runtime's rounding; numpy's is half to even.
        rounded = np.trunc(scaled)
        rounded += np.copysign(np.abs(scaled - rounded) >= 0.5, scaled)
        limits = np.iinfo(self.dtype)
        moved: Array = np.clip(rounded + self.zero_point, limits.min, limits.max)
        return moved.astype(self.dtype)

    def from_graph(self, array: Array) -> Array:
        if not self.quantized:
            return array
        moved = array.astype(np.int32) - self.zero_point
        return moved.astype(np.float32) * np.float32(self.scale)


class _Graph:
    """The model's main graph, called on arrays by name."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        names = _signature_names(interpreter)
        inputs, outputs = interpreter.get_input_details, interpreter.get_output_details
        self.inputs = [_tensor(detail, names) for detail in inputs()]
        self.outputs = [_tensor(detail, names) for detail in outputs()]
        self._shapes: dict[int, tuple[int, ...]] = {}

    @property
    def tensors(self) -> list[_Tensor]:
        return [*self.inputs, *self.outputs]

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        self._resize({t.index: feeds[t.name].shape for t in self.inputs})
        for tensor in self.inputs:
            value = tensor.to_graph(feeds[tensor.name])
            self._interpreter.set_tensor(tensor.index, value)
        self._interpreter.invoke()
        # get_tensor copies, so that the next invoke cannot change what we gave.
        read = self._interpreter.get_tensor
        return {t.name: t.from_graph(read(t.index)) for t in self.outputs}

    def _resize(self, shapes: dict[int, tuple[int, ...]]) -> None:
        if shapes == self._shapes:
            return
        # A resize that fails leaves the graph in neither shape.
        self._shapes = {}
        for index, shape in shapes.items():
            self._interpreter.resize_tensor_input(index, shape)
        self._interpreter.allocate_tensors()
        self._shapes = shapes


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


def _signature_names(interpreter: Any) -> dict[int, str]:
    """Tensor index -> name of the argument, where the model has one signature."""
    signatures = list(interpreter.get_signature_list())
    if len(signatures) != 1:
        return {}
    runner = interpreter.get_signature_runner(signatures[0])
    details = {**runner.get_input_details(), **runner.get_output_details()}
    return {detail["index"]: name for name, detail in details.items()}


def _tensor(detail: Mapping[str, Any], names: Mapping[int, str]) -> _Tensor:
    scale, zero_point = detail["quantization"]
    declared = detail["shape_signature"]
    shape = declared if len(declared) else detail["shape"]
    return _Tensor(
        name=names.get(detail["index"], detail["name"]),
        index=detail["index"],
        dtype=np.dtype(detail["dtype"]),
        shape=tuple(None if size < 0 else int(size) for size in shape),
        scale=float(scale),
        zero_point=int(zero_point),
    )
