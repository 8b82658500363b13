"""Ranges that a Core ML model declares: its images are bytes.

Field numbers are those of Model.proto and its imports in coremltools/mlmodel/format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.containment import path_inside
from harness.core.model_facts import InputRange
from harness.formats.coreml_package import items_of
from harness.formats.wire import Message, mapped
from harness.inspection.ranges.pixels import BYTE

if TYPE_CHECKING:
    from pathlib import Path

_NETWORKS = (303, 403, 500)
_IMAGE = 4
# NeuralNetworkImageScaler: a scale, and a bias a channel.
_SCALER, _SCALE = 10, 10
_BIASES = {20: "blue", 21: "green", 22: "red", 30: "gray"}


def read_model(path: Path) -> tuple[InputRange, ...]:
    """Ranges of a ``.mlmodel``'s images.

    Raises:
        Malformed: The file is cut short or damaged.
        OSError: It cannot be read.
    """
    with mapped(path) as data:
        model = Message(data)
        scalers = _scalers(model)
        features = list(model.message(2).messages(1))
        return tuple(
            InputRange(feature.text(1), *BYTE, _origin(feature.text(1), scalers))
            for feature in features
            if feature.message(3).has(_IMAGE)
        )


def read_package(path: Path) -> tuple[InputRange, ...]:
    """Ranges of a ``.mlpackage``'s images.

    Raises:
        Malformed: A file of it is damaged.
        UnsafeModelError: Its manifest names a file outside of it.
        OSError: It cannot be read.
    """
    models = [name for name in items_of(path) if name.endswith(".mlmodel")]
    home = path / "Data"
    return read_model(path_inside(home, models[0], "an item")) if models else ()


def _origin(name: str, scalers: dict[str, str]) -> str:
    # A network with one image may leave its name out.
    said = scalers.get(name) or scalers.get("")
    return f"bytes of an image{f', then {said} inside' if said else ''}"


def _scalers(model: Message) -> dict[str, str]:
    """Input -> what the network makes of its bytes first."""
    kind = next((number for number in _NETWORKS if model.has(number)), None)
    if kind is None:
        return {}
    return {
        step.text(1): _scaled(step.message(_SCALER))
        for step in model.message(kind).messages(2)
        if step.has(_SCALER)
    }


def _scaled(scaler: Message) -> str:
    scale = _float(scaler, _SCALE)
    biases = {word: _float(scaler, number) for number, word in _BIASES.items()}
    told = ", ".join(f"{word} {bias:+g}" for word, bias in biases.items() if bias)
    return f"x {1.0 if scale is None else scale:g}{f' ({told})' if told else ''}"


def _float(message: Message, number: int) -> float | None:
    blocks = message.blocks(number)
    return float(np.frombuffer(blocks[-1], "<f4")[0]) if blocks else None
