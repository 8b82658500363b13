"""Operators that every form has, in ONNX: activations, reductions, layout changes.

Arrays are channels last here, as TensorFlow and its kin have them; what ONNX wants
channels first is transposed there and back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.graphs.translate.emitter import Emitter

# Keras' and TensorFlow's constants (tensorflow/core/kernels/relu_op_functor.h).
SELU_ALPHA = 1.6732632423543772
SELU_GAMMA = 1.0507009873554805


def channels_first(e: Emitter, x: str, rank: int) -> str:
    """(N, spatial..., C) -> (N, C, spatial...)."""
    return e.emit("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)])


def channels_last(e: Emitter, x: str, rank: int) -> str:
    """(N, C, spatial...) -> (N, spatial..., C)."""
    return e.emit("Transpose", x, perm=[0, *range(2, rank), 1])


def clip(e: Emitter, x: str, low: float, high: float) -> str:
    """min(max(x, low), high)."""
    return e.emit("Clip", x, e.scalar(low), e.scalar(high))


def square(e: Emitter, x: str) -> str:
    """The square of x."""
    return e.emit("Mul", x, x)


def rsqrt(e: Emitter, x: str) -> str:
    """1 / sqrt(x)."""
    return e.emit("Reciprocal", e.emit("Sqrt", x))


def silu(e: Emitter, x: str) -> str:
    """SiLU, x sigmoid(x)."""
    return e.emit("Mul", x, e.emit("Sigmoid", x))


def gelu(e: Emitter, x: str, *, approximate: bool) -> str:
    """GELU, x Phi(x), by erf or approximated by tanh (arXiv:1606.08415)."""
    half = e.emit("Mul", x, e.scalar(0.5))
    if approximate:
        cube = e.emit("Mul", square(e, x), x)
        inner = e.emit("Add", x, e.emit("Mul", cube, e.scalar(0.044715)))
        bent = e.emit("Tanh", e.emit("Mul", inner, e.scalar(math.sqrt(2 / math.pi))))
    else:
        bent = e.emit("Erf", e.emit("Mul", x, e.scalar(1 / math.sqrt(2))))
    return e.emit("Mul", half, e.emit("Add", bent, e.scalar(1.0)))


def selu(e: Emitter, x: str) -> str:
    """SELU, gamma (x for x > 0, else alpha (exp(x) - 1))."""
    return e.emit("Selu", x, alpha=SELU_ALPHA, gamma=SELU_GAMMA)


def reduce(e: Emitter, op_type: str, x: str, axes: Sequence[int], *, keep: bool) -> str:
    """A reduction; ReduceSum has its axes as an input since opset 13."""
    if op_type == "ReduceSum":
        return e.emit(op_type, x, e.ints(axes), keepdims=int(keep))
    return e.emit(op_type, x, axes=list(axes), keepdims=int(keep))


def one_to_one(op_type: str) -> Callable[[Emitter, str], str]:
    """An operator that ONNX has as it is."""
    return lambda e, x: e.emit(op_type, x)


# By the names of Keras' activations; other forms look theirs up here too.
ACTIVATIONS: dict[str, Callable[[Emitter, str], str]] = {
    "linear": lambda _, x: x,
    "relu": one_to_one("Relu"),
    "relu6": lambda e, x: clip(e, x, 0, 6),
    "relu_n1_to_1": lambda e, x: clip(e, x, -1, 1),
    "relu_0_to_1": lambda e, x: clip(e, x, 0, 1),
    "tanh": one_to_one("Tanh"),
    "sigmoid": one_to_one("Sigmoid"),
    "softmax": lambda e, x: e.emit("Softmax", x, axis=-1),
    "log_softmax": lambda e, x: e.emit("LogSoftmax", x, axis=-1),
    "elu": lambda e, x: e.emit("Elu", x, alpha=1.0),
    "selu": selu,
    "gelu": lambda e, x: gelu(e, x, approximate=False),
    "silu": silu,
    "swish": silu,
    "hard_sigmoid": lambda e, x: e.emit("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hard_silu": one_to_one("HardSwish"),
    "hard_swish": one_to_one("HardSwish"),
    "softplus": one_to_one("Softplus"),
    "softsign": one_to_one("Softsign"),
    "exponential": one_to_one("Exp"),
    "leaky_relu": lambda e, x: e.emit("LeakyRelu", x, alpha=0.2),
}


def sized(e: Emitter, x: str, sizes: str, mode: tuple[str, bool, bool]) -> str:
    """Resize (N, H, W, C) to int64 sizes (H, W), as TensorFlow samples.

    Args:
        e: Where to.
        x: The images.
        sizes: Name of the two lengths.
        mode: linear or nearest, align_corners, half_pixel_centers.
    """
    kind, align, half = mode
    inner = channels_first(e, x, 4)
    kept = e.emit("Slice", e.emit("Shape", inner), e.ints([0]), e.ints([2]))
    whole = e.emit("Concat", kept, sizes, axis=0)
    place = "align_corners" if align else "half_pixel" if half else "asymmetric"
    attributes = {"mode": kind, "coordinate_transformation_mode": place}
    if kind == "nearest":
        # floor((i + 0.5) scale), round(i scale), floor(i scale): half_pixel takes
        # the half off again, so that rounding half up is that floor.
        rounding = "floor" if place == "asymmetric" else "round_prefer_ceil"
        attributes["nearest_mode"] = rounding
    return channels_last(e, e.emit("Resize", inner, "", "", whole, **attributes), 4)


def lrn(e: Emitter, x: str, radius: int, parameters: tuple[float, float, float]) -> str:
    """LRN, x / (bias + alpha sum of squares over 2 radius + 1 channels) ** beta."""
    bias, alpha, beta = parameters
    size = 2 * radius + 1
    inner = channels_first(e, x, 4)
    # ONNX divides alpha by the size.
    done = e.emit("LRN", inner, size=size, bias=bias, alpha=alpha * size, beta=beta)
    return channels_last(e, done, 4)


def full_range(negative: bool) -> int:
    """The end of an axis, for Slice; before its start where steps go back."""
    limits = np.iinfo(np.int64)
    return int(limits.min if negative else limits.max)
