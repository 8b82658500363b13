"""Readers of weights by the form of the file; each is imported when first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import LazyEntry, Registry

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import WeightReader

READERS: Registry[WeightReader] = Registry(
    "weight reader",
    {
        "onnx": LazyEntry(
            "harness.weights.readers.onnx_:read_weights", requires=("onnx",)
        ),
    },
)
_SUFFIXES = {".onnx": "onnx"}


def reader_for(path: Path) -> WeightReader | None:
    """The reader of the form that the file's suffix names.

    Returns:
        None where weights of this form cannot be read yet.

    Raises:
        MissingDependencyError: The library that reads this form is not installed.
    """
    name = _SUFFIXES.get(path.suffix.lower())
    return None if name is None else READERS.get(name)
