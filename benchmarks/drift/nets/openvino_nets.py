"""Models of OpenVINO, made by its own tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def convert(sources: Mapping[str, Path], folder: Path) -> None:
    """Write an ``.xml`` and a ``.bin`` of each file, in float32.

    Args:
        sources: Name -> ONNX file.
        folder: Where to.
    """
    import openvino

    for name, path in sorted(sources.items()):
        model = openvino.convert_model(path)
        openvino.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)
