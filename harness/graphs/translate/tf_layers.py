"""TensorFlow's operators with weights or windows, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.graphs.translate.windows import Window, conv, pool, transposed_conv
from harness.graphs.translate.words import (
    channels_first,
    channels_last,
    lrn,
    sized,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array
    from harness.graphs.translate.tf_call import TfCall

_HWIO_TO_OIHW = (3, 2, 0, 1)
_EXPLICIT = "EXPLICIT"


def _window(call: TfCall, kernel: tuple[int, ...]) -> Window:
    call.require_channels_last()
    node = call.node
    padding: str | tuple[tuple[int, int], ...] = node.text("padding")
    if padding == _EXPLICIT:
        told = node.integers("explicit_paddings")
        padding = ((told[2], told[3]), (told[4], told[5]))
    dilations = call.dilations or node.integers("dilations")[1:3] or (1, 1)
    return Window(kernel, node.integers("strides")[1:3], padding, dilations)


def _kernel(call: TfCall, at: int = 1) -> tuple[Array, str]:
    """Content of a kernel, and its label."""
    return call.content(at), call.operands[at].label or "kernel"


def _conv(call: TfCall) -> str:
    kernel, label = _kernel(call)
    weights = call.e.constant(kernel.transpose(_HWIO_TO_OIHW), label)
    window = _window(call, kernel.shape[:2])
    channels = call.operands[0].channels or kernel.shape[2]
    group = channels // kernel.shape[2]
    return conv(call.e, call.x, weights, "", window, group)


def _depthwise(call: TfCall) -> str:
    kernel, label = _kernel(call)
    height, width, channels, _ = kernel.shape
    moved = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, height, width)
    weights = call.e.constant(moved, label)
    window = _window(call, (height, width))
    return conv(call.e, call.x, weights, "", window, channels)


def _transposed(call: TfCall) -> str:
    kernel, label = _kernel(call)
    weights = call.e.constant(kernel.transpose(3, 2, 0, 1), label)
    window = _window(call, kernel.shape[:2])
    if not isinstance(window.padding, str) or set(window.dilations) > {1}:
        raise call.refused("its padding is explicit, or it is dilated")
    x = call.operands[2].name(call.e)
    return transposed_conv(call.e, x, weights, "", window, (None, None))


def _pool(op_type: str) -> Callable[[TfCall], str]:
    def translate(call: TfCall) -> str:
        window = _window(call, call.node.integers("ksize")[1:3])
        return pool(call.e, op_type, call.x, window)

    return translate


def _batch_norm(call: TfCall) -> str:
    call.require_channels_last()
    if call.node.integer("is_training", 1):
        raise call.refused("it is in training mode")
    x = channels_first(call.e, call.x, 4)
    epsilon = call.node.real("epsilon", 1e-4)
    operands = call.names[1:5]
    done = call.e.emit("BatchNormalization", x, *operands, epsilon=epsilon)
    return channels_last(call.e, done, 4)


def _matmul(call: TfCall) -> str:
    sides = []
    for side, flag in zip(call.names, ("transpose_a", "transpose_b"), strict=True):
        turned = call.node.integer(flag)
        sides.append(call.e.emit("Transpose", side, perm=[1, 0]) if turned else side)
    return call.e.emit("MatMul", *sides)


def _batch_matmul(call: TfCall) -> str:
    left, right = (call.node.integer(flag) for flag in ("adj_x", "adj_y"))
    if not left and not right:
        return call.e.emit("MatMul", *call.names)
    equation = f"...{'ji' if left else 'ij'},...{'kj' if right else 'jk'}->...ik"
    return call.e.emit("Einsum", *call.names, equation=equation)


def _resize(kind: str) -> Callable[[TfCall], str]:
    def translate(call: TfCall) -> str:
        keys = ("align_corners", "half_pixel_centers")
        align, half = (bool(call.node.integer(key)) for key in keys)
        return sized(call.e, call.x, call.longs(1), (kind, align, half))

    return translate


def _blocks(op_type: str) -> Callable[[TfCall], str]:
    def translate(call: TfCall) -> str:
        call.require_channels_last()
        inner = channels_first(call.e, call.x, 4)
        done = call.e.emit(op_type, inner, blocksize=call.node.integer("block_size"))
        return channels_last(call.e, done, 4)

    return translate


def _lrn(call: TfCall) -> str:
    parameters = tuple(call.node.real(key, 1.0) for key in ("bias", "alpha", "beta"))
    radius = call.node.integer("depth_radius", 5)
    bias, alpha, beta = parameters
    return lrn(call.e, call.x, radius, (bias, alpha, beta))


def _einsum(call: TfCall) -> str:
    return call.e.emit("Einsum", *call.names, equation=call.node.text("equation"))


LAYERS: dict[str, Callable[[TfCall], str]] = {
    "AvgPool": _pool("AveragePool"),
    "BatchMatMul": _batch_matmul,
    "BatchMatMulV2": _batch_matmul,
    "Conv2D": _conv,
    "Conv2DBackpropInput": _transposed,
    "DepthToSpace": _blocks("DepthToSpace"),
    "DepthwiseConv2dNative": _depthwise,
    "Einsum": _einsum,
    "FusedBatchNorm": _batch_norm,
    "FusedBatchNormV3": _batch_norm,
    "LRN": _lrn,
    "MatMul": _matmul,
    "MaxPool": _pool("MaxPool"),
    "ResizeBilinear": _resize("linear"),
    "ResizeNearestNeighbor": _resize("nearest"),
    "SpaceToDepth": _blocks("SpaceToDepth"),
}
