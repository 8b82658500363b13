"""Integers of an OpenVINO model that stand for floats, and its FakeQuantize.

A constant of codes is followed through Convert, Subtract and Multiply, and written as
a DequantizeLinear, so that the engine sees codes, scales and zero points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import Array, FloatArray
    from harness.graphs.translate.emitter import Emitter

_CODES = frozenset({"int8", "uint8"})
_BIASES = "int32"
_NEARLY = 1e-4
_LEVELS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """What floats were made of, (code - zero_point) scale.

    Attributes:
        array: The codes.
        zero_point: In a shape that broadcasts; None for 0.
        scale: Likewise; None where none was met yet.
    """

    array: Array
    zero_point: Array | None = None
    scale: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What QuantizeLinear and DequantizeLinear are told.

    Attributes:
        scale: One, or one an index of `axis`; float32.
        zero_point: Of its shape and of the type of the codes.
        axis: None for one scale.
    """

    scale: FloatArray
    zero_point: Array
    axis: int | None


def begun(content: Array) -> Codes | None:
    """Of integers that are converted to floats."""
    return Codes(content) if content.dtype.name in _CODES | {_BIASES} else None


def continued(codes: Codes | None, op_type: str, other: Array) -> Codes | None:
    """Behind a Subtract or Multiply by a constant; None where the order is another."""
    if codes is None or codes.scale is not None:
        return None
    if op_type == "Subtract":
        return replace(codes, zero_point=other) if codes.zero_point is None else None
    return replace(codes, scale=other) if op_type == "Multiply" else None


def dequantized(e: Emitter, codes: Codes | None, label: str) -> str:
    """A DequantizeLinear of codes; nothing where ONNX has none for them."""
    if codes is None or codes.scale is None:
        return ""
    zero = np.zeros(1, np.float32) if codes.zero_point is None else codes.zero_point
    rule = rule_of(codes.scale, zero, codes.array.shape, codes.array.dtype.name)
    if rule is None:
        return ""
    known = e.constant(codes.array, f"{label}_codes")
    return e.emit("DequantizeLinear", known, *_parameters(e, rule), **_along(rule))


def rule_of(
    scale: Array, zero: Array, shape: tuple[int | None, ...], dtype: str
) -> Rule | None:
    """What QuantizeLinear is told; None where it cannot be told so.

    Args:
        scale: In a shape that broadcasts to `shape`.
        zero: Zero points as floats, likewise.
        shape: Of what is quantized.
        dtype: Of the codes.
    """
    limits = np.iinfo(dtype)
    whole = np.round(zero)
    if np.abs(zero - whole).max(initial=0) > _NEARLY or not np.all(scale > 0):
        return None
    if dtype == _BIASES and whole.any():
        return None
    if whole.min(initial=0) < limits.min or whole.max(initial=0) > limits.max:
        return None
    axes = _long_axes(scale, shape) | _long_axes(zero, shape)
    n = max(scale.size, zero.size)
    if len(axes) > 1 or max(scale.ndim, zero.ndim) > len(shape):
        return None
    points = np.broadcast_to(whole.astype(dtype).reshape(-1), (n,))
    scales = np.broadcast_to(scale.astype(np.float32).reshape(-1), (n,))
    axis = next(iter(axes), None)
    if axis is None:
        scales, points = scales[:1], points[:1]
    return Rule(scales, points, axis)


def fake_quantized(e: Emitter, x: str, rule: Rule) -> str:
    """`x` as codes and back."""
    told = _parameters(e, rule)
    codes = e.emit("QuantizeLinear", x, *told, **_along(rule))
    return e.emit("DequantizeLinear", codes, *told, **_along(rule))


def _parameters(e: Emitter, rule: Rule) -> tuple[str, str]:
    scale, zero = rule.scale, rule.zero_point
    if rule.axis is None:
        scale, zero = scale.reshape(()), zero.reshape(())
    return e.constant(scale, "scale"), e.constant(zero, "zero_point")


def _along(rule: Rule) -> dict[str, Any]:
    return {} if rule.axis is None else {"axis": rule.axis}


def _long_axes(parameter: Array, shape: tuple[int | None, ...]) -> set[int]:
    start = len(shape) - parameter.ndim
    return {start + axis for axis, n in enumerate(parameter.shape) if n > 1}


def rule_of_ranges(
    ends: tuple[Array, Array, Array, Array], levels: int, shape: tuple[int | None, ...]
) -> Rule | None:
    """Of a FakeQuantize whose grid is that of eight bits; None for others.

    Args:
        ends: Lowest and highest input, lowest and highest answer.
        levels: Of the grid.
        shape: Of the input.
    """
    low, high, first, last = ends
    same = np.array_equal(low, first) and np.array_equal(high, last)
    if levels != _LEVELS or not same or not np.all(high > low):
        return None
    scale = (high.astype(np.float64) - low) / (levels - 1)
    zero = -low / scale
    # OpenVINO multiplies where ONNX divides. The middle of a range lies right between
    # two codes, of which the upper one is even: a step that is no longer than it should
    # be takes the same one.
    near = scale.astype(np.float32)
    scale = np.where(near > scale, np.nextafter(near, np.float32(0)), near)
    signed = np.allclose(zero, levels // 2, atol=_NEARLY)
    if signed:
        zero = zero - levels // 2
    return rule_of(scale, zero, shape, "int8" if signed else "uint8")


def faked(x: FloatArray, ends: tuple[Array, ...], levels: int) -> FloatArray:
    """What a FakeQuantize answers to a constant; float32.

    round((x - il) / (ih - il) (levels - 1)) / (levels - 1) (oh - ol) + ol, clipped
    (docs/articles_en/documentation/openvino-ir-format: FakeQuantize-1).
    """
    low, high, first, last = (np.asarray(end, np.float64) for end in ends)
    with np.errstate(all="ignore"):
        place = np.round((x - low) / (high - low) * (levels - 1)) / (levels - 1)
        inner = place * (last - first) + first
    below, above = x <= np.minimum(low, high), x > np.maximum(low, high)
    found = np.where(below, first, np.where(above, last, inner))
    return np.broadcast_to(found, x.shape).astype(np.float32)
