"""Do values that must share a scale share it?

Operators that only move or choose numbers hand on codes as they are.
https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.findings import QuantizationFinding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.weights.audit.values import (
        QuantizedModel,
        QuantizedOperator,
        QuantizedValue,
    )

_LITERT = frozenset(
    {
        *("AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "CONCATENATION", "DEPTH_TO_SPACE"),
        *("EXPAND_DIMS", "GATHER", "MAXIMUM", "MAX_POOL_2D", "MINIMUM", "MIRROR_PAD"),
        *("PACK", "PAD", "PADV2", "RESHAPE", "RESIZE_BILINEAR"),
        *("RESIZE_NEAREST_NEIGHBOR", "SLICE", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH"),
        *("SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TILE", "TRANSPOSE"),
        *("UNPACK",),
    }
)
_ONNX = frozenset(
    {
        *("DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "MaxPool"),
        *("Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose"),
        *("Unsqueeze",),
    }
)
_SAME = {"litert": _LITERT, "onnx": _ONNX}
# What int8 results of these are, whatever the data.
_FIXED = {
    "L2_NORMALIZATION": (1 / 128, 0),
    "LOGISTIC": (1 / 256, -128),
    "LOG_SOFTMAX": (16 / 256, 127),
    "SOFTMAX": (1 / 256, -128),
    "TANH": (1 / 128, 0),
}
_APART = 1e-3
_NARROW = frozenset({"int16", "int8", "uint8"})


def look_at_agreement(model: QuantizedModel) -> Iterator[QuantizationFinding]:
    """Operators that hand on codes between values of two scales."""
    same = _SAME.get(model.form, frozenset())
    for operator in model.operators:
        if operator.op_type in same:
            yield from _same(operator, model)
        if model.form == "litert" and operator.op_type in _FIXED:
            yield from _fixed(operator, model)


def _same(
    operator: QuantizedOperator, model: QuantizedModel
) -> Iterator[QuantizationFinding]:
    around = [model.value(key) for key in (*operator.inputs, *operator.outputs)]
    values = [v for v in around if v is not None and _is_plain(v)]
    for other in values[1:]:
        if _differ(values[0], other):
            yield _different(operator, values[0], other)
            return


def _is_plain(value: QuantizedValue) -> bool:
    narrow = value.dtype in _NARROW
    return narrow and value.scale is not None and value.scale.size == 1


def _differ(one: QuantizedValue, other: QuantizedValue) -> bool:
    assert one.scale is not None
    assert other.scale is not None
    if one.dtype != other.dtype:
        return False
    apart = abs(one.scale[0] - other.scale[0]) > _APART * abs(one.scale[0])
    return bool(apart) or bool(one.zero_point[0] != other.zero_point[0])


def _different(
    operator: QuantizedOperator, one: QuantizedValue, other: QuantizedValue
) -> QuantizationFinding:
    assert one.scale is not None
    assert other.scale is not None
    what = (
        "hands on codes as they are, so that numbers change"
        if operator.on_codes
        else "leaves numbers as they are, and they are rounded again for nothing"
    )
    return QuantizationFinding(
        code="QNT601",
        severity="error" if operator.on_codes else "warning",
        cause="quant.agreement",
        tensor=other.key,
        node=operator.node,
        explanation=f"{operator.op_type} {what}: {one.key} has scale"
        f" {one.scale[0]:.4g} and zero point {one.zero_point[0]:.0f}, {other.key}"
        f" {other.scale[0]:.4g} and {other.zero_point[0]:.0f}",
        numbers={
            "scale": float(one.scale[0]),
            "other_scale": float(other.scale[0]),
            "zero_point": float(one.zero_point[0]),
            "other_zero_point": float(other.zero_point[0]),
        },
        hint="give all of its values one scale and zero point",
    )


def _fixed(
    operator: QuantizedOperator, model: QuantizedModel
) -> Iterator[QuantizationFinding]:
    value = model.value(operator.outputs[0]) if operator.outputs else None
    if value is None or value.dtype != "int8" or value.scale is None:
        return
    scale, zero = _FIXED[operator.op_type]
    stated, at = float(value.scale[0]), float(value.zero_point[0])
    if abs(stated - scale) <= _APART * scale and at == zero:
        return
    yield QuantizationFinding(
        code="QNT602",
        severity="error",
        cause="quant.agreement",
        tensor=value.key,
        node=operator.node,
        explanation=f"the result of {operator.op_type} has scale {stated:.4g} and zero"
        f" point {at:.0f}, where the specification has {scale:.4g} and {zero}",
        numbers={"scale": stated, "wanted": scale, "zero_point": at},
        hint="convert the model again",
    )
