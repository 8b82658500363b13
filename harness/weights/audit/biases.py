"""Do biases have the scale of what they are added to?

Integer kernels add a bias to a sum of products of codes: its scale must be that of the
input times that of the weight, channel by channel, and its zero point 0. Kernels do not
read it; they take the product.
https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import QuantizationFinding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray
    from harness.weights.audit.values import (
        QuantizedModel,
        QuantizedOperator,
        QuantizedValue,
    )

# Tools compute the product in float32 or float64.
_APART = 0.01
_WIDE = frozenset({"int32", "int64"})


def look_at_biases(model: QuantizedModel) -> Iterator[QuantizationFinding]:
    """Biases of products whose scale is another, or whose zero point is not 0."""
    for operator in model.operators:
        if operator.kernel is None or operator.bias is None:
            continue
        data, kernel, bias = (
            model.value(_input(operator, at))
            for at in (0, operator.kernel, operator.bias)
        )
        if bias is None or bias.scale is None or bias.dtype not in _WIDE:
            continue
        if np.any(bias.zero_point):
            yield _moved(operator, bias)
        if data is None or data.scale is None or data.scale.size > 1:
            continue
        sound = bias.is_sound and data.is_sound
        if sound and kernel is not None and kernel.is_sound:
            assert kernel.scale is not None
            yield from _scale(operator, bias, data.scale * kernel.scale)


def _input(operator: QuantizedOperator, index: int) -> str | None:
    return operator.inputs[index] if index < len(operator.inputs) else None


def _moved(operator: QuantizedOperator, bias: QuantizedValue) -> QuantizationFinding:
    zero = float(bias.zero_point[np.argmax(np.abs(bias.zero_point))])
    return QuantizationFinding(
        code="QNT302",
        severity="error",
        cause="quant.bias",
        tensor=bias.key,
        node=operator.node,
        explanation=f"the bias has the zero point {zero:.0f}; integer kernels take 0",
        numbers={"zero_point": zero},
        hint="quantize biases symmetrically",
    )


def _scale(
    operator: QuantizedOperator, bias: QuantizedValue, product: FloatArray
) -> Iterator[QuantizationFinding]:
    assert bias.scale is not None
    if 1 not in (bias.scale.size, product.size) and bias.scale.size != product.size:
        yield _finding(
            "QNT303",
            (bias, operator),
            f"the bias has {bias.scale.size} scales for {product.size} channels",
            {"n": bias.scale.size, "n_channels": product.size},
        )
        return
    with np.errstate(all="ignore"):
        ratios = bias.scale / product
    apart = np.isfinite(ratios) & (np.abs(ratios - 1) > _APART)
    if not apart.any():
        return
    strength = np.where(apart, np.abs(np.log(np.maximum(ratios, 1e-300))), -1)
    at = int(np.argmax(strength))
    stated = float(np.broadcast_to(bias.scale, ratios.shape)[at])
    wanted = float(np.broadcast_to(product, ratios.shape)[at])
    yield _finding(
        "QNT301",
        (bias, operator),
        f"the bias scale of channel {at} is {stated:.4g}, and input scale x weight"
        f" scale {wanted:.4g}: integer kernels, which take the product, make the bias"
        f" {wanted / stated:.3g} times as large ({int(apart.sum())} of {apart.size}"
        " channels are off)",
        {
            "channel": at,
            "scale": stated,
            "product": wanted,
            "ratio": stated / wanted,
            "n": int(apart.sum()),
        },
    )


def _finding(
    code: str,
    where: tuple[QuantizedValue, QuantizedOperator],
    text: str,
    numbers: dict[str, float],
) -> QuantizationFinding:
    bias, operator = where
    return QuantizationFinding(
        code=code,
        severity="error",
        cause="quant.bias",
        tensor=bias.key,
        node=operator.node,
        explanation=text,
        numbers=numbers,
        hint="quantize the bias after input and weight, with the product of their"
        " scales; or one of those two was changed afterwards",
    )
