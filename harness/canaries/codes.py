"""Canaries of 8-bit arithmetic: saturation, fusion with Q/DQ pairs, batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.canaries.specimen import Specimen, Trial, node, trial

if TYPE_CHECKING:
    from harness.core.protocols import Array

_SCALE = np.array(0.1, np.float32)


def _saturation() -> Trial:
    """Pairs of products of 255 and 127 leave 16 bits, but not the 32 of the result."""
    fed = np.full((1, 64), 255, np.uint8)
    weights = np.full((64, 4), 127, np.int8)
    expected = np.full((1, 4), 255 * 127 * 64, np.int32)
    return trial([node("MatMulInteger", "x w")], {"x": fed}, expected, {"w": weights})


def _saturated_pairs() -> Trial:
    """The same between Q/DQ pairs, where runtimes put an integer kernel."""
    fed = np.full((1, 64), 25.5, np.float32)
    weights = np.full((64, 4), 127, np.int8)
    nodes = [
        node("QuantizeLinear", "x s zero", "q"),
        node("DequantizeLinear", "q s zero", "d"),
        node("DequantizeLinear", "w s wzero", "dw"),
        node("MatMul", "d dw", "product"),
        node("QuantizeLinear", "product big ozero", "o"),
        node("DequantizeLinear", "o big ozero"),
    ]
    constants: dict[str, Array] = {
        "s": _SCALE,
        "zero": np.array(0, np.uint8),
        "w": weights,
        "wzero": np.array(0, np.int8),
        "big": np.array(100, np.float32),
        "ozero": np.array(0, np.uint8),
    }
    # 25.5 * 12.7 * 64 = 20726.4 is 207 steps of 100.
    expected = np.full((1, 4), 20700, np.float32)
    return trial(nodes, {"x": fed}, expected, constants)


def _pooled_pairs() -> Trial:
    """A max pooling of negative numbers between Q/DQ pairs, padded by itself."""
    fed = -np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4) / 10
    nodes = [
        node("QuantizeLinear", "x s zero", "q"),
        node("DequantizeLinear", "q s zero", "d"),
        node(
            "MaxPool", "d", "m", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1]
        ),
        node("QuantizeLinear", "m s zero", "o"),
        node("DequantizeLinear", "o s zero"),
    ]
    wide = np.pad(fed, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    expected = wide.reshape(1, 1, 3, 2, 3, 2).max((3, 5)).astype(np.float32)
    constants: dict[str, Array] = {"s": _SCALE, "zero": np.array(200, np.uint8)}
    return trial(nodes, {"x": fed}, expected, constants)


def _ties() -> Trial:
    """Halves between two codes go to the even one."""
    fed = np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32)
    constants: dict[str, Array] = {
        "one": np.array(1, np.float32),
        "zero": np.array(0, np.int8),
    }
    nodes = [node("QuantizeLinear", "x one zero")]
    return trial(nodes, {"x": fed}, np.round(fed).astype(np.int8), constants)


def _batch() -> Trial:
    """A quantized product of many rows, each of which knows its answer alone."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (33, 16)).astype(np.uint8)
    weights = rng.integers(-128, 128, (16, 5)).astype(np.int8)
    rows = [row.astype(np.int32) @ weights.astype(np.int32) for row in codes]
    expected = np.stack(rows).astype(np.int32)
    nodes = [node("MatMulInteger", "x w")]
    return trial(nodes, {"x": codes}, expected, {"w": weights})


CODES = (
    Specimen(
        "u8 by s8 saturation",
        "sums of two products are cut to 16 bits (AVX2 without VNNI)",
        _saturation,
    ),
    Specimen(
        "u8 by s8 between Q/DQ pairs",
        "sums of two products are cut to 16 bits (AVX2 without VNNI)",
        _saturated_pairs,
        1e-2,
    ),
    Specimen(
        "MaxPool between Q/DQ pairs",
        "its own padding is taken for a code",
        _pooled_pairs,
    ),
    Specimen("QuantizeLinear ties", "halves are rounded away from zero", _ties),
    Specimen("int8 rows in a batch", "a row's answer depends on the others", _batch),
)
