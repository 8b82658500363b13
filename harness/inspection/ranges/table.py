"""Ranges of inputs that a model file declares, whatever its form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from harness.core.errors import HarnessError
from harness.core.model_facts import InputRange
from harness.core.registry import LazyEntry, Registry
from harness.formats.malformed import Malformed, OutOfBounds

RangeReader: TypeAlias = Callable[[Path], tuple[InputRange, ...]]
"""``read(path)``: one range an input at most; raises Malformed, OSError."""

_TARGETS = {
    "coreml": "coreml:read_model",
    "coreml-package": "coreml:read_package",
    "hdf5": "keras:read_hdf5_model",
    "keras": "keras:read_archive",
    "keras-json": "keras:read_json",
    "litert": "litert:read_litert",
    "onnx": "onnx:read_onnx",
    "openvino": "openvino:read_openvino",
}
RANGES: Registry[RangeReader] = Registry(
    "reader of declared ranges",
    {
        form: LazyEntry(f"harness.inspection.ranges.{target}")
        for form, target in _TARGETS.items()
    },
)


def declared_ranges(path: Path, form: str) -> tuple[InputRange, ...]:
    """What a model file says of its inputs' numbers; nothing of it is run.

    A file that cannot be read says nothing here: whoever loads it tells why.

    Args:
        path: The file or folder.
        form: Name of its form, as it was detected.

    Returns:
        One range an input at most; none where the form or the file tells nothing.
    """
    if form not in RANGES:
        return ()
    try:
        return RANGES.get(form)(path)
    except (Malformed, OutOfBounds, HarnessError, OSError):
        return ()
