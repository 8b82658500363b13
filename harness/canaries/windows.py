"""Canaries of windows: padding, pooling, transposed convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from harness.canaries.specimen import Specimen, Trial, node, trial

if TYPE_CHECKING:
    from harness.core.protocols import Array

_IMAGE = -np.arange(1, 37, dtype=np.float32).reshape(1, 1, 6, 6)
_PADS = np.array([0, 0, 1, 1, 0, 0, 0, 0], np.int64)


def _windows(image: Array, size: int, stride: int) -> Array:
    """Windows of the last two axes, as the last two axes of what is returned."""
    return sliding_window_view(image, (size, size), (-2, -1))[
        ..., ::stride, ::stride, :, :
    ]


def _padded(fill: float, mode: str = "constant") -> Array:
    wide = ((0, 0), (0, 0), (1, 0), (1, 0))
    if mode == "constant":
        return np.pad(_IMAGE, wide, constant_values=fill)
    return np.pad(_IMAGE, wide, mode="edge")


def _pad_then(op: str, fill: float, mode: str = "constant") -> Trial:
    windows = _windows(_padded(fill, mode), 3, 2)
    expected = windows.max((-2, -1)) if op == "MaxPool" else windows.mean((-2, -1))
    nodes = [
        node("Pad", "x pads fill", "padded", mode=mode),
        node(op, "padded", kernel_shape=[3, 3], strides=[2, 2]),
    ]
    constants: dict[str, Array] = {"pads": _PADS, "fill": np.array(fill, np.float32)}
    return trial(nodes, {"x": _IMAGE}, expected.astype(np.float32), constants)


def _pad_conv() -> Trial:
    kernel = np.ones((1, 1, 3, 3), np.float32)
    expected = _windows(_padded(5.0), 3, 2).sum((-2, -1))
    nodes = [
        node("Pad", "x pads fill", "padded"),
        node("Conv", "padded kernel", strides=[2, 2]),
    ]
    constants: dict[str, Array] = {
        "pads": _PADS,
        "fill": np.array(5, np.float32),
        "kernel": kernel,
    }
    return trial(nodes, {"x": _IMAGE}, expected, constants)


def _pool_tail(op: str, **attributes: Any) -> Trial:
    """Five elements in windows of two: the last window has one element left."""
    fed = np.arange(1, 6, dtype=np.float32).reshape(1, 1, 5)
    last = [2, 4, 5] if op == "MaxPool" else [1.5, 3.5, 5]
    nodes = [
        node(op, "x", kernel_shape=[2], strides=[2], ceil_mode=1, **attributes),
    ]
    expected = np.array(last, np.float32).reshape(1, 1, 3)
    return trial(nodes, {"x": fed}, expected, opset=19)


def _average_edge() -> Trial:
    """A padded border does not count among what is averaged, unless it is asked to."""
    fed = np.full((1, 1, 4), 6, np.float32)
    nodes = [node("AveragePool", "x", kernel_shape=[3], pads=[1, 1])]
    return trial(nodes, {"x": fed}, fed.copy())


def _transposed(total: int, begin: int, size: int, **attributes: Any) -> Trial:
    """A transposed convolution: all of it, cut at the start, filled up at the end."""
    fed = np.array([1, 2, 3], np.float32).reshape(1, 1, 3)
    kernel = np.array([1, 10, 100], np.float32).reshape(1, 1, 3)
    whole = np.zeros(total + 4, np.float32)
    for place, value in enumerate(fed.ravel()):
        whole[2 * place : 2 * place + 3] += value * kernel.ravel()
    expected = whole[begin : begin + size].reshape(1, 1, size)
    nodes = [node("ConvTranspose", "x kernel", strides=[2], **attributes)]
    return trial(nodes, {"x": fed}, expected, {"kernel": kernel})


def _conv_norm() -> Trial:
    """A channel that hardly varies: what epsilon is decides its gain."""
    variance = np.array([1e-6, 1.0], np.float32)
    kernel = np.array([1, 1], np.float32).reshape(2, 1, 1, 1)
    gain = 1 / np.sqrt(variance + np.float32(1e-3))
    fed = np.linspace(-1, 1, 4, dtype=np.float32).reshape(1, 1, 2, 2)
    expected = (fed * gain.reshape(1, 2, 1, 1)).astype(np.float32)
    constants = {"kernel": kernel, "variance": variance}
    constants |= {"one": np.ones(2, np.float32), "zero": np.zeros(2, np.float32)}
    nodes = [
        node("Conv", "x kernel", "c"),
        node("BatchNormalization", "c one zero zero variance", epsilon=1e-3),
    ]
    return trial(nodes, {"x": fed}, expected, constants)


WINDOWS = (
    Specimen(
        "Pad folded into MaxPool",
        "zeros in front of a max pooling become its own padding, -infinity",
        lambda: _pad_then("MaxPool", 0.0),
    ),
    Specimen(
        "Edge padding before MaxPool",
        "padding that repeats the edge is folded away",
        lambda: _pad_then("MaxPool", 0.0, "edge"),
    ),
    Specimen(
        "Pad folded into AveragePool",
        "zeros in front of an average pooling are not counted any more",
        lambda: _pad_then("AveragePool", 0.0),
    ),
    Specimen(
        "Pad folded into Conv",
        "padding with another number than 0 becomes the convolution's zeros",
        _pad_conv,
        1e-4,
    ),
    Specimen(
        "AveragePool border",
        "padding is counted among what is averaged",
        _average_edge,
    ),
    Specimen(
        "AveragePool ceil_mode divisor",
        "the last, shorter window is divided by the whole kernel",
        lambda: _pool_tail("AveragePool"),
    ),
    Specimen(
        "AveragePool ceil_mode, padding counted",
        "what lies behind input and padding is counted",
        lambda: _pool_tail("AveragePool", count_include_pad=1),
    ),
    Specimen(
        "MaxPool ceil_mode",
        "the last, shorter window is lost or not a number",
        lambda: _pool_tail("MaxPool"),
    ),
    Specimen(
        "ConvTranspose output_padding",
        "rows are added at the wrong end",
        lambda: _transposed(7, 0, 8, output_padding=[1]),
    ),
    Specimen(
        "ConvTranspose SAME_UPPER",
        "an odd row is cut at the start instead of the end",
        lambda: _transposed(7, 0, 6, auto_pad="SAME_UPPER"),
    ),
    Specimen(
        "ConvTranspose SAME_LOWER",
        "an odd row is cut at the end instead of the start",
        lambda: _transposed(7, 1, 6, auto_pad="SAME_LOWER"),
    ),
    Specimen(
        "BatchNormalization folded into Conv",
        "epsilon is lost in folding",
        _conv_norm,
        1e-4,
    ),
)
