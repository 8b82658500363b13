"""Keras' dense layers, normalizations, activations and reshaping, as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.translate.keras_call import leaky
from harness.graphs.translate.words import channels_first, channels_last, clip

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array
    from harness.graphs.translate.keras_call import KerasCall


def _same(call: KerasCall) -> str:
    return call.e.emit("Identity", call.x)


def _dense(call: KerasCall) -> str:
    kernel, bias = (call.array(word, ("kernel", "bias")) for word in ("kernel", "bias"))
    if kernel is None:
        raise call.refused("the file has no kernel of it")
    done = call.e.emit("MatMul", call.x, call.constant("kernel", kernel))
    if bias is not None:
        done = call.e.emit("Add", done, call.constant("bias", bias))
    return call.activated(done)


def _norm_words(call: KerasCall, more: tuple[str, ...]) -> tuple[str, ...]:
    """Arrays in the order in which Keras makes them."""
    scaled = ("gamma",) if call.get("scale", True) else ()
    centred = ("beta",) if call.get("center", True) else ()
    return (*scaled, *centred, *more)


def _batch_norm(call: KerasCall) -> str:
    rank = call.rank
    axis = call.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) else axis
    if axis % rank not in {1, rank - 1}:
        raise call.refused(f"its axis is {axis}, neither the first one nor the last")
    words = _norm_words(call, ("moving_mean", "moving_variance"))
    mean, variance = (call.array(word, words) for word in words[-2:])
    if mean is None or variance is None:
        raise call.refused("the file has no moving statistics of it")
    arrays = {
        "gamma": _or(call.array("gamma", words), np.ones_like(mean)),
        "beta": _or(call.array("beta", words), np.zeros_like(mean)),
        "moving_mean": mean,
        "moving_variance": variance,
    }
    operands = [call.constant(word, array) for word, array in arrays.items()]
    spatial = rank > 2 and axis % rank != 1
    x = channels_first(call.e, call.x, rank) if spatial else call.x
    epsilon = float(call.get("epsilon", 1e-3))
    done = call.e.emit("BatchNormalization", x, *operands, epsilon=epsilon)
    return channels_last(call.e, done, rank) if spatial else done


def _or(array: Array | None, default: Array) -> Array:
    return default if array is None else array


def _layer_norm(call: KerasCall) -> str:
    axis = call.get("axis", -1)
    axes = [axis] if isinstance(axis, int) else list(axis)
    if [a % call.rank for a in axes] != [call.rank - 1] or call.get("rms_scaling"):
        raise call.refused("it does not normalize the last axis by its own mean")
    words = _norm_words(call, ())
    length = (call.shape or (None,))[-1] or 1
    gamma = _or(call.array("gamma", words), np.ones(length, np.float32))
    beta = _or(call.array("beta", words), np.zeros(length, np.float32))
    operands = [call.constant("gamma", gamma), call.constant("beta", beta)]
    epsilon = float(call.get("epsilon", 1e-3))
    return call.e.emit("LayerNormalization", call.x, *operands, epsilon=epsilon)


def _flatten(call: KerasCall) -> str:
    # Channels that come first are brought to the end before.
    first = call.channels_come_first and call.rank > 2
    x = channels_last(call.e, call.x, call.rank) if first else call.x
    return call.e.emit("Flatten", x, axis=1)


def _relu(call: KerasCall) -> str:
    top = call.get("max_value")
    slope = float(call.get("negative_slope", 0.0))
    if call.get("threshold", 0.0):
        raise call.refused("it has a threshold")
    if slope:
        done = call.e.emit("LeakyRelu", call.x, alpha=slope)
        return done if top is None else call.e.emit("Min", done, call.e.scalar(top))
    return call.e.emit("Relu", call.x) if top is None else clip(call.e, call.x, 0, top)


def _prelu(call: KerasCall) -> str:
    alpha = call.array("alpha", ("alpha",))
    if alpha is None:
        raise call.refused("the file has no alpha of it")
    return call.e.emit("PRelu", call.x, call.constant("alpha", alpha))


def _softmax(call: KerasCall) -> str:
    axis = call.get("axis", -1)
    if not isinstance(axis, int):
        raise call.refused("it sums over several axes")
    return call.e.emit("Softmax", call.x, axis=axis)


def _joined(call: KerasCall) -> str:
    return call.e.emit("Concat", *call.operands, axis=int(call.get("axis", -1)))


def _folded(op_type: str) -> Callable[[KerasCall], str]:
    """Two operands and more, from the left."""

    def translate(call: KerasCall) -> str:
        if len(call.operands) < 2:
            raise call.refused("it takes a constant")
        done = call.x
        for operand in call.operands[1:]:
            done = call.e.emit(op_type, done, operand)
        return done

    return translate


def _average(call: KerasCall) -> str:
    done = _folded("Add")(call)
    return call.e.emit("Div", done, call.e.scalar(len(call.operands)))


def _reshape(call: KerasCall) -> str:
    shape = [0, *map(int, call.get("target_shape", ()))]
    return call.e.emit("Reshape", call.x, call.e.ints(shape))


def _permute(call: KerasCall) -> str:
    return call.e.emit("Transpose", call.x, perm=[0, *call.get("dims")])


def _rescaling(call: KerasCall) -> str:
    numbers = (np.asarray(call.get(k, d), np.float32) for k, d in _SCALING)
    scale, offset = (call.constant("scaling", number) for number in numbers)
    return call.e.emit("Add", call.e.emit("Mul", call.x, scale), offset)


_SCALING = (("scale", 1.0), ("offset", 0.0))


def _embedding(call: KerasCall) -> str:
    table = call.array("embeddings", ("embeddings",))
    if table is None or call.get("mask_zero", False):
        raise call.refused("it masks, or the file has no table of it")
    rows = call.e.emit("Cast", call.x, to=7)
    return call.e.emit("Gather", call.constant("embeddings", table), rows)


MAPS: dict[str, Callable[[KerasCall], str]] = {
    "Activation": lambda call: call.activated(call.x),
    "ActivityRegularization": _same,
    "Add": _folded("Add"),
    "Average": _average,
    "BatchNormalization": _batch_norm,
    "Concatenate": _joined,
    "Dense": _dense,
    "Dropout": _same,
    "ELU": lambda c: c.e.emit("Elu", c.x, alpha=float(c.get("alpha", 1.0))),
    "Embedding": _embedding,
    "Flatten": _flatten,
    "GaussianDropout": _same,
    "GaussianNoise": _same,
    "LayerNormalization": _layer_norm,
    "LeakyReLU": lambda call: leaky(call.e, call.x, call.layer.config),
    "Maximum": _folded("Max"),
    "Minimum": _folded("Min"),
    "Multiply": _folded("Mul"),
    "PReLU": _prelu,
    "Permute": _permute,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "SpatialDropout1D": _same,
    "SpatialDropout2D": _same,
    "Subtract": _folded("Sub"),
}
