"""What a constant is to the operator that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto

    from harness.weights.readers.onnx_graph import Graph

_KERNEL = {1: "kernel", 2: "bias"}
_PRODUCT = {0: "kernel", 1: "kernel", 2: "bias"}
_NORM = {1: "gamma", 2: "beta"}
_RECURRENT = {1: "kernel", 2: "recurrent_kernel", 3: "bias", 7: "peephole"}
_Q_CONV = {3: "kernel", 8: "bias"} | dict.fromkeys((1, 4, 6), "scale")
_Q_MATMUL = {0: "kernel", 3: "kernel"} | dict.fromkeys((1, 4, 6), "scale")
_Q_GEMM = {3: "kernel", 6: "bias"} | dict.fromkeys((1, 4, 7), "scale")

# Operator -> input -> role, for ONNX and for the operators that onnxruntime fuses to.
_ROLES = {
    "Attention": _KERNEL,
    "BatchNormalization": _NORM | {3: "running_mean", 4: "running_variance"},
    "Conv": _KERNEL,
    "ConvInteger": _KERNEL,
    "ConvTranspose": _KERNEL,
    "DeformConv": {1: "kernel", 3: "bias"},
    "DequantizeLinear": {1: "scale", 2: "zero_point"},
    "DynamicQuantizeMatMul": {1: "kernel", 2: "scale", 4: "bias"},
    "FusedConv": _KERNEL,
    "FusedGemm": _PRODUCT,
    "FusedMatMul": _PRODUCT,
    "GRU": _RECURRENT,
    "Gather": {0: "embedding"},
    "Gemm": _PRODUCT,
    "GroupNormalization": _NORM,
    "InstanceNormalization": _NORM,
    "LSTM": _RECURRENT,
    "LayerNormalization": _NORM,
    "MatMul": _PRODUCT,
    "MatMulInteger": _PRODUCT,
    "MatMulIntegerToFloat": {1: "kernel", 2: "scale", 3: "scale", 6: "bias"},
    "PRelu": {1: "slope"},
    "QGemm": _Q_GEMM,
    "QLinearAdd": dict.fromkeys((1, 4, 6), "scale"),
    "QLinearConv": _Q_CONV,
    "QLinearMatMul": _Q_MATMUL,
    "QLinearMul": dict.fromkeys((1, 4, 6), "scale"),
    "QuantizeLinear": {1: "scale", 2: "zero_point"},
    "RMSNormalization": {1: "gamma"},
    "RNN": _RECURRENT,
    "SkipLayerNormalization": {2: "gamma", 3: "beta", 4: "bias"},
}
# The inputs that are added.
_TERMS = {"Add": (0, 1), "QLinearAdd": (0, 3)}
_LINEAR = frozenset(
    {
        *("Conv", "ConvInteger", "ConvTranspose", "FusedConv", "FusedMatMul", "Gemm"),
        *("MatMul", "MatMulInteger", "MatMulIntegerToFloat", "QLinearConv"),
        *("DynamicQuantizeMatMul", "QLinearMatMul"),
    }
)
# What may stand between a product and the addition of its bias.
_BETWEEN = frozenset(
    {
        *("Cast", "DequantizeLinear", "Identity", "Mul", "QuantizeLinear", "Reshape"),
        *("Squeeze", "Transpose", "Unsqueeze"),
    }
)
# More operators than this never do; a graph that goes in circles has an end here.
_FAR = 8


def role_of(name: str, shape: tuple[int, ...], graph: Graph) -> tuple[str, str | None]:
    """Role of a constant and the operator that reads it.

    The first reader that gives a role decides; ("constant", first reader's type)
    where none does, ("constant", None) where nobody reads it.
    """
    readers = list(graph.final_consumers(name))
    for node, index in readers:
        role = _ROLES.get(node.op_type, {}).get(index)
        if role is None and _is_bias(shape, node, index, graph):
            role = "bias"
        if role is not None:
            return role, node.op_type
    return "constant", readers[0][0].op_type if readers else None


def _is_bias(shape: tuple[int, ...], add: NodeProto, index: int, graph: Graph) -> bool:
    """A vector added to a convolution's or a matrix product's result."""
    terms = _TERMS.get(add.op_type, ())
    if index not in terms or sum(n > 1 for n in shape) > 1:
        return False
    other = sum(terms) - index
    node = graph.producer(add.input[other]) if other < len(add.input) else None
    for _ in range(_FAR):
        if node is None or node.op_type not in _BETWEEN:
            break
        # A product with a constant is a normalisation: what follows is no bias.
        if node.op_type == "Mul" and any(map(graph.is_constant, node.input)):
            return False
        node = graph.producer(next(iter(node.input), ""))
    return node is not None and node.op_type in _LINEAR
