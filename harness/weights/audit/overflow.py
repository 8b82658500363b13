"""Can sums of products overflow on processors without a dot product instruction?

x86-64's VPMADDUBSW multiplies unsigned by signed bytes and adds neighbouring products
in 16 bits, with saturation. Kernels use it on AVX2, and on AVX-512 without VNNI, for
activations of uint8 and weights of int8: answers differ from machine to machine.
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import QuantizationFinding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.core.protocols import IntArray
    from harness.weights.audit.values import QuantizedModel, QuantizedValue

_LARGEST_INPUT = 255
_LARGEST_SUM = 32767
# FakeQuantize layers state no type: OpenVINO computes such activations as uint8.
_UNSIGNED = frozenset({"256 levels", "uint8"})
_FORMS = frozenset({"onnx", "openvino"})


@dataclass(frozen=True, slots=True)
class Overflow:
    """A weight whose neighbouring products may saturate.

    Attributes:
        value: The weight.
        share: Of its pairs.
        largest: Largest sum of two neighbouring products.
    """

    value: QuantizedValue
    share: float
    largest: int


def weights_at_risk(model: QuantizedModel) -> frozenset[str]:
    """Keys of int8 weights whose input is unsigned."""
    if model.form not in _FORMS:
        return frozenset()
    found = set()
    for operator in model.operators:
        kernel = operator.kernel
        # The data come first, and in QLinear operators before their scales.
        data = model.value(operator.inputs[0]) if operator.inputs else None
        if kernel is None or kernel >= len(operator.inputs) or data is None:
            continue
        weight = model.value(operator.inputs[kernel])
        if data.dtype in _UNSIGNED and weight is not None and weight.dtype == "int8":
            found.add(weight.key)
    return frozenset(found)


def overflow_of(value: QuantizedValue, channels: IntArray) -> Overflow | None:
    """How much of a weight can saturate; None where nothing can.

    Neighbours are those of the file's order; packing may put others side by side.

    Args:
        value: An int8 weight with unsigned inputs.
        channels: Its codes, shape (output channels, weights of a channel).
    """
    even = channels[:, : channels.shape[1] & ~1].astype(np.int32)
    pairs = even.reshape(len(channels), -1, 2)
    if not pairs.size:
        return None
    rising = np.maximum(pairs, 0).sum(axis=2)
    falling = -np.minimum(pairs, 0).sum(axis=2)
    sums = np.maximum(rising, falling) * _LARGEST_INPUT
    beyond = sums > _LARGEST_SUM
    if not beyond.any():
        return None
    return Overflow(value, float(beyond.mean()), int(sums.max()))


def told(found: Iterable[Overflow]) -> Iterator[QuantizationFinding]:
    """One finding for all weights of a model, at the worst of them."""
    every = sorted(found, key=lambda item: (-item.share, item.value.key))
    if not every:
        return
    worst = every[0]
    yield QuantizationFinding(
        code="QNT504",
        severity="warning",
        cause="quant.overflow",
        tensor=worst.value.key,
        node=worst.value.node,
        explanation=f"uint8 activations meet int8 weights: {worst.share:.1%} of"
        f" neighbouring products can add up beyond {_LARGEST_SUM} (to {worst.largest}),"
        " and saturate on x86-64 without VNNI;"
        f" {len(every)} weight{'s' if len(every) > 1 else ''} like that",
        numbers={"share": worst.share, "largest": worst.largest, "n": len(every)},
        hint="quantize weights with a reduced range (7 bits), or activations as int8",
    )
