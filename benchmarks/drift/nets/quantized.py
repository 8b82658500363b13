"""Networks of the bench quantized by onnxruntime, in QDQ form."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift.data import N_SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.drift.data import Array


class _Reader:
    """Feeds the samples for calibration, a few at a time."""

    def __init__(self, inputs: dict[str, Array]) -> None:
        self._chunks = iter(range(0, N_SAMPLES, 8))
        self._inputs = inputs

    def get_next(self) -> dict[str, Array] | None:
        start = next(self._chunks, None)
        if start is None:
            return None
        return {name: array[start : start + 8] for name, array in self._inputs.items()}


def build(folder: Path, source: Path) -> None:
    """Quantize the network that lies in the folder `source`."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with np.load(source / "inputs.npz") as arrays:
        inputs = dict(arrays)
    prepared = folder / "prepared.onnx"
    level = logging.root.level
    quant_pre_process(source / "model.onnx", prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        folder / "model.onnx",
        _Reader(inputs),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    logging.root.setLevel(level)
    prepared.unlink()
    np.savez(folder / "inputs.npz", **inputs)
