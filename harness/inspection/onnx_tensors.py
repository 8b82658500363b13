"""How many numbers an ONNX model holds, and how wide they are."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from onnx import TensorProto
from onnx.helper import tensor_dtype_to_np_dtype

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.inspection.onnx_graphs import OnnxModel

# Packed, more than one to a byte.
_BITS = {"int4": 4, "uint4": 4, "float4_e2m1fn": 4, "int2": 2, "uint2": 2}
# Shapes, axes, flags and texts: no weights.
_NO_WEIGHTS = frozenset({"int64", "bool", "str", "unknown"})
_Q_LINEAR = (1, 2, 4, 5, 6, 7)
# Operator -> its inputs that are scales or zero points.
_PARAMETERS_OF_QUANTIZATION = {
    "ConvInteger": (2, 3),
    "DequantizeLinear": (1, 2),
    "DynamicQuantizeMatMul": (2, 3),
    "MatMulInteger": (2, 3),
    "MatMulIntegerToFloat": (2, 3, 4, 5),
    "QGemm": (1, 2, 4, 5, 7, 8),
    "QLinearAdd": _Q_LINEAR,
    "QLinearConv": _Q_LINEAR,
    "QLinearMatMul": _Q_LINEAR,
    "QLinearMul": _Q_LINEAR,
    "QuantizeLinear": (1, 2),
}


def dtype_name(kind: int) -> str:
    """Name that numpy has for an ONNX element type ("str" for texts)."""
    if kind == TensorProto.STRING:
        return "str"
    try:
        return str(tensor_dtype_to_np_dtype(kind).name)
    except (KeyError, ValueError, TypeError):
        return "unknown"


def n_parameters(model: OnnxModel) -> int:
    """Elements of all weights; scales and zero points of quantization apart."""
    apart = {
        name
        for node in model.nodes
        for index in _PARAMETERS_OF_QUANTIZATION.get(node.op_type, ())
        for name in node.input[index : index + 1]
    }
    return sum(
        math.prod(tensor.dims)
        for name, tensor in model.constants.items()
        if name not in apart
        and tensor.dims
        and dtype_name(tensor.data_type) not in _NO_WEIGHTS
    )


def bytes_by_dtype(model: OnnxModel) -> Mapping[str, int]:
    """Bytes of all constants by their dtype, largest first; texts are not counted."""
    sizes: Counter[str] = Counter()
    for tensor in model.constants.values():
        name = dtype_name(tensor.data_type)
        if name in {"str", "unknown"}:
            continue
        width = tensor_dtype_to_np_dtype(tensor.data_type).itemsize * 8
        bits = math.prod(tensor.dims) * _BITS.get(name, width)
        sizes[name] += -(-bits // 8)
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))
