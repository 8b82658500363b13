"""Which inputs of an ONNX operator hold the scales of its values.

ONNX's own operators and those of onnxruntime (domain com.microsoft):
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnx import NodeProto

# Operator -> (input that is a product's weight, input that is its bias).
PRODUCTS: Mapping[str, tuple[int, int | None]] = {
    "Conv": (1, 2),
    "ConvInteger": (1, None),
    "ConvTranspose": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (1, None),
    "MatMulInteger": (1, None),
    "MatMulIntegerToFloat": (1, None),
    "QGemm": (3, None),
    "QLinearConv": (3, None),
    "QLinearMatMul": (3, None),
}
# Operator -> inputs (codes, scale, zero point), those of a result without codes.
_READS = {
    "QGemm": ((0, 1, 2), (3, 4, 5)),
    "QLinearAdd": ((0, 1, 2), (3, 4, 5)),
    "QLinearConv": ((0, 1, 2), (3, 4, 5)),
    "QLinearMatMul": ((0, 1, 2), (3, 4, 5)),
    "QLinearMul": ((0, 1, 2), (3, 4, 5)),
    "QLinearAveragePool": ((0, 1, 2),),
    "QLinearGlobalAveragePool": ((0, 1, 2),),
    "QLinearLeakyRelu": ((0, 1, 2),),
    "QLinearReduceMean": ((0, 1, 2),),
    "QLinearSigmoid": ((0, 1, 2),),
    "QLinearSoftmax": ((0, 1, 2),),
    "DequantizeLinear": ((0, 1, 2),),
}
_GIVES = {
    "QGemm": (7, 8),
    "QLinearAdd": (6, 7),
    "QLinearConv": (6, 7),
    "QLinearMatMul": (6, 7),
    "QLinearMul": (6, 7),
    "QLinearAveragePool": (3, 4),
    "QLinearConcat": (0, 1),
    "QLinearGlobalAveragePool": (3, 4),
    "QLinearLeakyRelu": (3, 4),
    "QLinearReduceMean": (3, 4),
    "QLinearSigmoid": (3, 4),
    "QLinearSoftmax": (3, 4),
    "QuantizeLinear": (1, 2),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How one operator understands the codes of a tensor.

    Attributes:
        key: The tensor.
        scale: Name of its scale; "" where that is computed.
        zero_point: Name of its zero point; "" for 0.
        node: The operator.
        is_dynamic: Whether both are computed from the numbers when the model runs.
    """

    key: str
    scale: str
    zero_point: str
    node: NodeProto
    is_dynamic: bool = False


def readings_of(node: NodeProto) -> Iterator[Reading]:
    """What an operator says of the codes that it reads and gives."""
    if node.op_type == "DynamicQuantizeLinear":
        yield Reading(str(node.output[0]), "", "", node, is_dynamic=True)
    for codes, scale, zero in _reads(node):
        yield Reading(_at(node, codes), _at(node, scale), _at(node, zero), node)
    if node.op_type in _GIVES:
        scale, zero = _GIVES[node.op_type]
        yield Reading(str(node.output[0]), _at(node, scale), _at(node, zero), node)


def _reads(node: NodeProto) -> Iterator[tuple[int, int, int]]:
    if node.op_type == "QLinearConcat":
        for start in range(2, len(node.input) - 2, 3):
            yield start, start + 1, start + 2
    yield from _READS.get(node.op_type, ())


def _at(node: NodeProto, index: int) -> str:
    return str(node.input[index]) if index < len(node.input) else ""
