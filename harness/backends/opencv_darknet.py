"""Darknet's ``.cfg``, and whether a ``.weights`` file holds what it asks for.

Darknet and OpenCV read as many numbers as the configuration asks for, and take zeros
where the file ends before: the network answers, and wrongly. The size tells.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from harness.backends.opencv_networks import Network, read_text
from harness.core.errors import ModelLoadError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from pathlib import Path

_SECTION = re.compile(r"\s*\[(\w+)\]")
_ENTRY = re.compile(r"\s*(\w+)\s*=\s*(\d+)\s*$")
# What OpenCV takes where the text is silent (darknet_io.cpp).
_DEFAULTS = {"channels": 3, "height": 416, "width": 416}
_VERSION = struct.Struct("<3i")
_WIDE_COUNTER = (0, 2)


def read_cfg(path: Path) -> Network:
    """The one input, NCHW; its batch is free, for ``batch`` is that of training.

    Raises:
        ModelLoadError: The text does not begin with a [net].
    """
    sizes: dict[str, int] | None = None
    for line in read_text(path).splitlines():
        if section := _SECTION.match(line):
            if sizes is not None or section[1] not in {"net", "network"}:
                break
            sizes = dict(_DEFAULTS)
        elif sizes is not None and (entry := _ENTRY.match(line)):
            sizes[entry[1]] = int(entry[2])
    if sizes is None:
        raise ModelLoadError(
            f"{path} does not begin with a [net] section",
            hint="name the .cfg of a network, not a .data or a .names file",
        )
    shape = (None, sizes["channels"], sizes["height"], sizes["width"])
    return Network((TensorSpec("data", "float32", shape),), None, {})


def check_weights(weights: Path, network: Path, wanted: int) -> None:
    """Hold the size of a ``.weights`` file against what its network asks for.

    Args:
        weights: The file.
        network: Its ``.cfg``, for the message.
        wanted: Numbers that the network holds.

    Raises:
        ModelLoadError: The file holds another number of them.
    """
    held = (weights.stat().st_size - _header_size(weights)) / 4
    if held != wanted:
        raise ModelLoadError(
            f"{weights} holds {held:,g} numbers, and {network} asks for {wanted:,}",
            hint="the weights were cut short, or the two belong to different networks",
        )


def _header_size(weights: Path) -> int:
    """Version, then images seen: a counter of 8 bytes since 0.2, of 4 before."""
    with weights.open("rb") as stream:
        major, minor, _ = _VERSION.unpack(stream.read(_VERSION.size))
    return _VERSION.size + (8 if (major, minor) >= _WIDE_COUNTER else 4)
