"""Inputs that kernels quantize as they come: weights are codes, activations floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.graphs.translate.emitter import Emitter

_TINY = 1e-30


def dynamically_quantized(e: Emitter, x: str, axes: Sequence[int]) -> str:
    """`x` rounded to 8 bits between its ends, which zero is always among.

    scale = (max - min) / 255, zero point = round(-128 - min / scale), as XNNPACK's
    qd8 kernels and LiteRT's asymmetric ones have it.

    Args:
        e: Where to.
        x: Floats.
        axes: Those that share a scale: all but the batch's, or the last one.
    """
    zero = e.scalar(0.0)
    low = e.emit("Min", _end(e, "ReduceMin", x, axes), zero)
    high = e.emit("Max", _end(e, "ReduceMax", x, axes), zero)
    reach = e.emit("Max", e.emit("Sub", high, low), e.scalar(_TINY))
    scale = e.emit("Div", reach, e.scalar(255.0))
    shifted = e.emit("Sub", e.scalar(-128.0), e.emit("Div", low, scale))
    point = e.emit("Round", shifted)
    moved = e.emit("Add", e.emit("Round", e.emit("Div", x, scale)), point)
    codes = e.emit("Clip", moved, e.scalar(-128.0), e.scalar(127.0))
    return e.emit("Mul", e.emit("Sub", codes, point), scale)


def _end(e: Emitter, op_type: str, x: str, axes: Sequence[int]) -> str:
    return e.emit(op_type, x, axes=list(axes), keepdims=1)
