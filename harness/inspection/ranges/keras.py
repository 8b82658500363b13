"""Ranges that a Keras model's first layer hints at: Rescaling of bytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness.core.archives import open_archive, read_entry
from harness.core.model_facts import InputRange
from harness.formats.hdf5 import read_hdf5
from harness.formats.json_text import parse_json
from harness.formats.keras_config import inputs_of, name_of
from harness.inspection.ranges.pixels import BYTE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAX_CONFIG = 64 << 20
# Rescaling's scale x 255 -> the offset that goes with it: 0 to 1, and -1 to 1.
_OFFSETS = {1: 0.0, 2: -1.0}


def read_archive(path: Path) -> tuple[InputRange, ...]:
    """Of a ``.keras`` archive.

    Raises:
        Malformed: Its configuration is no JSON.
        HarnessError: The archive is damaged, or out of all bounds.
        OSError: It cannot be read.
    """
    with open_archive(path) as archive:
        text = read_entry(archive, "config.json", _MAX_CONFIG)
    return _of(parse_json(text, "config.json")) if text else ()


def read_hdf5_model(path: Path) -> tuple[InputRange, ...]:
    """Of an HDF5 file.

    Raises:
        Malformed: It is cut short or damaged.
        OSError: It cannot be read.
    """
    found = read_hdf5(path)
    text = None if found is None else found.texts.get("model_config")
    return _of(parse_json(text, "model_config")) if text else ()


def read_json(path: Path) -> tuple[InputRange, ...]:
    """Of a configuration by itself.

    Raises:
        Malformed: It is no JSON.
        OSError: It cannot be read.
    """
    if path.stat().st_size > _MAX_CONFIG:
        return ()
    return _of(parse_json(path.read_bytes(), "it"))


def _of(config: object) -> tuple[InputRange, ...]:
    """The one input of a model whose first layer scales bytes; else nothing."""
    inner = config.get("config") if isinstance(config, dict) else None
    entries = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(entries, list):
        return ()
    layers = [entry for entry in entries if isinstance(entry, dict)]
    rest = [e for e in layers if e.get("class_name") != "InputLayer"]
    if len(layers) - len(rest) > 1 or not rest or not _scales_bytes(rest[0]):
        return ()
    named = inputs_of(config)
    name = named[0].name if named else ""
    origin = f"its first layer, Rescaling {name_of(rest[0])!r}, takes bytes"
    return (InputRange(name, *BYTE, origin),)


def _scales_bytes(entry: Mapping[str, Any]) -> bool:
    settings = entry.get("config")
    if entry.get("class_name") != "Rescaling" or not isinstance(settings, dict):
        return False
    scale, offset = settings.get("scale"), settings.get("offset", 0.0)
    if not isinstance(scale, (int, float)) or not isinstance(offset, (int, float)):
        return False
    if not math.isfinite(scale) or not math.isfinite(offset):
        return False
    expected = _OFFSETS.get(round(scale * 255))
    exact = math.isclose(scale * 255, round(scale * 255), rel_tol=1e-3)
    return exact and expected is not None and abs(offset - expected) < 1e-3
