"""How an ONNX model is quantized."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, numpy_helper

from harness.core.model_facts import Quantization
from harness.inspection.onnx_graphs import input_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnx import NodeProto

    from harness.core.model_facts import Granularity, QuantizationScheme
    from harness.core.protocols import Array
    from harness.inspection.onnx_graphs import OnnxModel

# Operators between an input and its QuantizeLinear that change no value, and how many
# of them are followed.
_MOVING = frozenset(
    {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)
_DEEP = 8
_DYNAMIC = frozenset(
    {
        *("ConvInteger", "DynamicQuantizeLSTM", "DynamicQuantizeLinear"),
        *("DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat"),
    }
)
# (operator, input) of a quantized weight -> the input whose length tells how many
# scales it has: the scale, or the zero point where the scale is applied later.
_SCALED_BY = {
    ("ConvInteger", 1): 3,
    ("DequantizeLinear", 0): 1,
    ("DynamicQuantizeMatMul", 1): 2,
    ("MatMulInteger", 1): 3,
    ("MatMulIntegerToFloat", 1): 3,
    ("QGemm", 3): 4,
    ("QLinearConv", 3): 4,
    ("QLinearMatMul", 3): 4,
}


def quantization_of(model: OnnxModel) -> Quantization:
    """Scheme and granularity."""
    channelwise = dict(_weights(model))
    return Quantization(_scheme(model), _granularity(channelwise), len(channelwise))


def _scheme(model: OnnxModel) -> QuantizationScheme:
    kinds = {node.op_type for node in model.nodes}
    integer = any(kind.startswith(("QLinear", "QGemm")) for kind in kinds)
    dynamic = bool(kinds & _DYNAMIC)
    if integer and dynamic:
        return "mixed"
    if integer:
        return "QOperator"
    if dynamic:
        return "dynamic"
    return "QDQ" if "DequantizeLinear" in kinds else "none"


def _granularity(channelwise: dict[str, bool]) -> Granularity | None:
    if not channelwise:
        return None
    if len(set(channelwise.values())) == 2:
        return "mixed"
    return "per channel" if any(channelwise.values()) else "per tensor"


def _weights(model: OnnxModel) -> Iterator[tuple[str, bool]]:
    """Quantized weights, and whether each has more than one scale.

    Biases are apart: their scale is a product of others.
    """
    for node in model.nodes:
        for index, name in enumerate(node.input):
            scale = _SCALED_BY.get((node.op_type, index))
            tensor = model.constants.get(name)
            if scale is None or tensor is None or not tensor.dims:
                continue
            if tensor.data_type != TensorProto.INT32:
                yield name, _length(model, node, scale) > 1


def _length(model: OnnxModel, node: NodeProto, index: int) -> int:
    shape = model.shape(input_of(node, index))
    return math.prod(shape) if shape else 1


def input_ranges(
    model: OnnxModel, inputs: Iterable[str]
) -> dict[str, tuple[float, float]]:
    """Input -> the least and the largest real number that its codes tell apart.

    Looks behind operators that only move values. Inputs that no node quantizes by a
    scale of the file, or several by several scales, are left out.
    """
    found = {}
    for name in inputs:
        ends = set(_ends(model, name))
        if len(ends) == 1:
            found[name] = ends.pop()
    return found


def _ends(model: OnnxModel, name: str, depth: int = 0) -> Iterator[tuple[float, float]]:
    for node in model.readers(name):
        if node.op_type in _MOVING and depth < _DEEP and input_of(node, 0) == name:
            yield from _ends(model, node.output[0], depth + 1)
        elif node.op_type == "QuantizeLinear" and input_of(node, 0) == name:
            scale = _number(model, input_of(node, 1))
            zero = _number(model, input_of(node, 2))
            if scale is not None and zero is not None and zero.dtype.kind in "iu":
                held = np.iinfo(str(zero.dtype))
                low, high = int(held.min) - int(zero), int(held.max) - int(zero)
                yield float(scale) * low, float(scale) * high


def _number(model: OnnxModel, name: str) -> Array | None:
    """A constant with one element that lies in the file itself."""
    tensor = model.constants.get(name)
    if tensor is None or math.prod(tensor.dims) != 1 or tensor.external_data:
        return None
    return numpy_helper.to_array(tensor).reshape(())
