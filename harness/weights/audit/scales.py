"""Are all scales and zero points numbers that can be what they are for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import QuantizationFinding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.weights.audit.values import QuantizedModel, QuantizedValue

_NORMAL = float(np.finfo(np.float32).tiny)
# FakeQuantize states ends: their zero is a whole number to float32's rounding.
_WHOLE = 1e-3


def look_at_scales(model: QuantizedModel) -> Iterator[QuantizationFinding]:
    """Scales that are no positive number, zero points that are no code."""
    for value in model.values.values():
        if value.scale is not None:
            yield from _scale(value)
            yield from _zero_point(value)
    yield from _disagreements(model)


def _scale(value: QuantizedValue) -> Iterator[QuantizationFinding]:
    assert value.scale is not None
    broken = ~(np.isfinite(value.scale) & (value.scale >= _NORMAL))
    if not broken.any():
        return
    at = int(np.argmax(broken))
    scale = float(value.scale[at])
    where = f" of channel {at}" if value.scale.size > 1 else ""
    more = int(broken.sum()) - 1
    # Channels of zeros alone have any scale, 0 too.
    harmless = value.is_constant and bool(np.all(value.scale[broken] == 0))
    yield QuantizationFinding(
        code="QNT101",
        severity="info" if harmless else "error",
        cause="quant.scale",
        tensor=value.key,
        node=value.node,
        explanation=f"the scale{where} is {scale:.3g}, and must be a positive normal"
        f" float32{f'; so are {more} more' if more else ''}",
        numbers={"scale": scale, "channel": at, "n": more + 1},
        hint="quantize the model again; check calibration data for NaN and constants",
    )


def _zero_point(value: QuantizedValue) -> Iterator[QuantizationFinding]:
    beyond = (value.zero_point < value.low - _WHOLE) | (
        value.zero_point > value.high + _WHOLE
    )
    zero = float(value.zero_point[int(np.argmax(beyond))])
    if beyond.any():
        yield QuantizationFinding(
            code="QNT102",
            severity="warning",
            cause="quant.zero_point",
            tensor=value.key,
            node=value.node,
            explanation=f"the zero point {zero:.4g} is none of the codes {value.low} to"
            f" {value.high}: 0 cannot be represented, and padding is wrong",
            numbers={"zero_point": zero, "low": value.low, "high": value.high},
            hint="widen the range until it holds 0",
        )
        return
    between = np.abs(value.zero_point - np.rint(value.zero_point))
    if np.any(between > 0.01):
        at = int(np.argmax(between))
        zero = float(value.zero_point[at])
        yield QuantizationFinding(
            code="QNT104",
            severity="info",
            cause="quant.zero_point",
            tensor=value.key,
            node=value.node,
            explanation=f"0 lies between two codes, at {zero:.4g}: padding and"
            " rectifiers are off by a part of a step",
            numbers={"zero_point": zero},
            hint="move the ends of the range by a part of a step",
        )


def _disagreements(model: QuantizedModel) -> Iterator[QuantizationFinding]:
    for found in model.disagreements:
        (before, after), (zero, other) = found.scales, found.zero_points
        yield QuantizationFinding(
            code="QNT103",
            severity="error",
            cause="quant.agreement",
            tensor=found.key,
            node=found.nodes[1],
            explanation=f"{found.nodes[0]} understands the codes with scale"
            f" {before:.6g} and zero point {zero:.0f}, {found.nodes[1]} with"
            f" {after:.6g} and {other:.0f}",
            numbers={
                "scale": before,
                "other_scale": after,
                "zero_point": zero,
                "other_zero_point": other,
            },
            hint="give both the same scale and zero point",
        )
