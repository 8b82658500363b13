"""Constants of an OpenVINO model: what the XML says of them, and their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.formats.malformed import Malformed
from harness.formats.openvino_xml import dtype_name, lengths_of

if TYPE_CHECKING:
    from harness.formats.openvino_xml import Layer

_MAX_DIGITS = 18


def dtype_of(layer: Layer) -> str:
    """The numpy name of a Const layer's element type."""
    return dtype_name(layer.data.get("element_type", ""))


def shape_of(layer: Layer) -> tuple[int, ...]:
    """A Const layer's shape."""
    return tuple(lengths_of(layer.data.get("shape", "")))


def block_of(layer: Layer, data: memoryview) -> memoryview:
    """The bytes of a Const layer.

    Args:
        layer: It.
        data: The ``.bin`` file.

    Raises:
        Malformed: They are not all there.
    """
    start, size = (_whole(layer, key) for key in ("offset", "size"))
    if start + size > len(data):
        raise Malformed(
            f"it lies at bytes {start:,} to {start + size:,} of a file of {len(data):,}"
        )
    return data[start : start + size]


def _whole(layer: Layer, key: str) -> int:
    text = layer.data.get(key, "")
    if not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise Malformed(f"its {key} is {text[:30]!r}")
    return int(text)
