"""Readers of quantized values by the form of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.weights.audit.values import QuantizedModel

    QuantizationReader: TypeAlias = Callable[[Path], QuantizedModel]

_HERE = "harness.weights.audit"
QUANTIZATION_READERS: Registry[QuantizationReader] = Registry(
    "quantization reader",
    {
        "litert": LazyEntry(f"{_HERE}.litert_values:read_values"),
        "onnx": LazyEntry(f"{_HERE}.onnx_values:read_values", requires=("onnx",)),
        "openvino": LazyEntry(f"{_HERE}.openvino_values:read_values"),
    },
)


def read_quantization(path: Path, form: str) -> QuantizedModel | None:
    """The quantized values of a model file.

    Args:
        path: The file.
        form: As detection names it.

    Returns:
        None where quantized values of this form are not read.

    Raises:
        ModelLoadError: The file is missing, cut short or damaged.
        MissingDependencyError: The library that reads this form is not installed.
    """
    if form not in QUANTIZATION_READERS:
        return None
    return QUANTIZATION_READERS.get(form)(path)
