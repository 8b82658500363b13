"""Keras' layers with kernels or windows, as ONNX."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.windows import Window, conv, pool, transposed_conv
from harness.graphs.translate.words import channels_first, channels_last, reduce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.core.protocols import Array
    from harness.graphs.translate.keras_call import KerasCall

_PLAIN = ("kernel", "bias")
_SEPARABLE = ("depthwise_kernel", "pointwise_kernel", "bias")


def _window(
    call: KerasCall, kernel: tuple[int, ...], strides: tuple[int, ...]
) -> Window:
    n = len(kernel)
    dilations = call.pair("dilation_rate", n)
    padding = str(call.get("padding", "valid")).upper()
    spatial = (call.shape or (None,) * (n + 2))[1 : n + 1]
    if padding == "CAUSAL":
        padding_before = ((kernel[0] - 1) * dilations[0], 0)
        return Window(kernel, strides, (padding_before,), dilations, spatial)
    return Window(kernel, strides, padding, dilations, spatial)


def _array(call: KerasCall, word: str, order: Sequence[str] = _PLAIN) -> Array:
    found = call.array(word, order)
    if found is None:
        raise call.refused(f"the file has no {word} of it")
    return found


def _bias(call: KerasCall, order: Sequence[str] = _PLAIN) -> str:
    if not call.get("use_bias", True):
        return ""
    return call.constant("bias", _array(call, "bias", order))


def _conv(n: int, call: KerasCall) -> str:
    kernel = _array(call, "kernel")
    moved = kernel.transpose(n + 1, n, *range(n))
    weights = call.constant("kernel", moved)
    window = _window(call, kernel.shape[:n], call.pair("strides", n))
    group = int(call.get("groups", 1))
    return call.activated(conv(call.e, call.x, weights, _bias(call), window, group))


def _by_channel(kernel: Array) -> Array:
    """(spatial..., C, M) as ONNX groups it, (C M, 1, spatial...)."""
    n = kernel.ndim - 2
    moved = kernel.transpose(n, n + 1, *range(n))
    return moved.reshape(-1, 1, *kernel.shape[:n])


def _depthwise(n: int, call: KerasCall) -> str:
    found = call.array("kernel", _PLAIN)
    kernel = _array(call, "depthwise_kernel") if found is None else found
    weights = call.constant("kernel", _by_channel(kernel))
    window = _window(call, kernel.shape[:n], call.pair("strides", n))
    channels = kernel.shape[n]
    done = conv(call.e, call.x, weights, _bias(call), window, channels)
    return call.activated(done)


def _separable(n: int, call: KerasCall) -> str:
    deep, point = (_array(call, word, _SEPARABLE) for word in _SEPARABLE[:2])
    window = _window(call, deep.shape[:n], call.pair("strides", n))
    first = call.constant("depthwise_kernel", _by_channel(deep))
    inner = conv(call.e, call.x, first, "", window, deep.shape[n])
    ones = (1,) * n
    second = call.constant("pointwise_kernel", point.transpose(n + 1, n, *range(n)))
    bias = _bias(call, _SEPARABLE)
    return call.activated(conv(call.e, inner, second, bias, Window(ones, ones)))


def _transposed(n: int, call: KerasCall) -> str:
    if call.get("output_padding") is not None or set(call.pair("dilation_rate", n)) > {
        1
    }:
        raise call.refused("it has output padding or dilations")
    kernel = _array(call, "kernel")
    weights = call.constant("kernel", kernel.transpose(n + 1, n, *range(n)))
    window = _window(call, kernel.shape[:n], call.pair("strides", n))
    free = (None,) * n
    bias = _bias(call)
    return call.activated(transposed_conv(call.e, call.x, weights, bias, window, free))


def _pool(op_type: str, n: int, call: KerasCall) -> str:
    size = call.pair("pool_size", n, 2)
    told = call.get("strides")
    strides = size if told is None else call.pair("strides", n)
    return pool(call.e, op_type, call.x, _window(call, size, strides))


def _global_pool(op_type: str, n: int, call: KerasCall) -> str:
    keep = bool(call.get("keepdims", False))
    return reduce(call.e, op_type, call.x, range(1, n + 1), keep=keep)


def _zero_padding(n: int, call: KerasCall) -> str:
    pairs = _pairs(call, "padding", n)
    pads = [0, *(p[0] for p in pairs), 0, 0, *(p[1] for p in pairs), 0]
    return call.e.emit("Pad", call.x, call.e.ints(pads))


def _cropping(n: int, call: KerasCall) -> str:
    pairs, e = _pairs(call, "cropping", n), call.e
    far = np.iinfo(np.int64).max
    starts = [p[0] for p in pairs]
    ends = [-p[1] if p[1] else int(far) for p in pairs]
    axes = e.ints(range(1, n + 1))
    return e.emit("Slice", call.x, e.ints(starts), e.ints(ends), axes)


def _pairs(call: KerasCall, key: str, n: int) -> list[tuple[int, int]]:
    """(begin, end) an axis, however short it was said."""
    told = call.get(key, 1)
    if isinstance(told, int):
        return [(told, told)] * n
    if n == 1:
        return [(int(told[0]), int(told[1]))]
    sides = [[side, side] if isinstance(side, int) else side for side in told]
    return [(int(begin), int(end)) for begin, end in sides]


def _up_sampling(n: int, call: KerasCall) -> str:
    kind = call.get("interpolation", "nearest")
    if kind not in {"nearest", "bilinear"}:
        raise call.refused(f"it interpolates by {kind!r}")
    factors = np.array([1, *call.pair("size", n, 2), 1], np.float32)
    linear = kind == "bilinear"
    more = {} if linear else {"nearest_mode": "floor"}
    return call.e.emit(
        "Resize",
        call.x,
        "",
        call.constant("scales", factors),
        mode="linear" if linear else "nearest",
        coordinate_transformation_mode="half_pixel" if linear else "asymmetric",
        **more,
    )


def _per_rank(
    word: str, translate: Callable[[int, KerasCall], str]
) -> dict[str, Callable[[KerasCall], str]]:
    """One entry a number of spatial axes."""
    return {word.format(n): partial(_either_way, translate, n) for n in (1, 2, 3)}


def _either_way(
    translate: Callable[[int, KerasCall], str], n: int, call: KerasCall
) -> str:
    """Where channels come first, the layer between two transpositions."""
    if not call.channels_come_first:
        return translate(n, call)
    rank = n + 2
    x = channels_last(call.e, call.x, rank)
    done = translate(n, call.with_channels_last(x))
    pooled = call.layer.kind.startswith("Global") and not call.get("keepdims", False)
    return done if pooled else channels_first(call.e, done, rank)


WINDOWS: dict[str, Callable[[KerasCall], str]] = {
    **_per_rank("AveragePooling{}D", partial(_pool, "AveragePool")),
    **_per_rank("Conv{}D", _conv),
    **_per_rank("Conv{}DTranspose", _transposed),
    **_per_rank("Cropping{}D", _cropping),
    **_per_rank("DepthwiseConv{}D", _depthwise),
    **_per_rank("GlobalAveragePooling{}D", partial(_global_pool, "ReduceMean")),
    **_per_rank("GlobalMaxPooling{}D", partial(_global_pool, "ReduceMax")),
    **_per_rank("MaxPooling{}D", partial(_pool, "MaxPool")),
    **_per_rank("SeparableConv{}D", _separable),
    **_per_rank("UpSampling{}D", _up_sampling),
    **_per_rank("ZeroPadding{}D", _zero_padding),
}
