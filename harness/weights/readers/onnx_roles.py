"""What a constant is to the operator that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.weights.readers.onnx_graph import attribute, real_attribute

if TYPE_CHECKING:
    from onnx import NodeProto

    from harness.weights.readers.onnx_graph import Graph

_KERNEL = {1: "kernel", 2: "bias"}
_PRODUCT = {0: "kernel", 1: "kernel", 2: "bias"}
_NORM = {1: "gamma", 2: "beta"}
_RECURRENT = {
    1: "gate_kernel",
    2: "gate_recurrent_kernel",
    3: "gate_bias",
    7: "peephole",
}
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
    "DynamicQuantizeLSTM": _RECURRENT
    | dict.fromkeys((8, 10), "scale")
    | dict.fromkeys((9, 11), "zero_point"),
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

_CONVOLUTIONS = frozenset({"Conv", "ConvInteger", "FusedConv", "QLinearConv"})
_CONVOLVED = {3: "OIW", 4: "OIHW", 5: "OIDHW"}
_UPWARD = {3: "IOW", 4: "IOHW", 5: "IODHW"}
# Recurrent layers put the directions first, and count their outputs as gates.
_GATES = {
    "gate_kernel": "DGI",
    "gate_recurrent_kernel": "DGI",
    "gate_bias": "DG",
    "peephole": "DG",
}
_NORMS = frozenset({"gamma", "beta", "running_mean", "running_variance"})
_VECTORS = _NORMS | {"bias", "slope"}
_LETTERS = _GATES | dict.fromkeys(_VECTORS, "O") | {"embedding": "IO"}
_EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class Use:
    """What a constant is to its reader; attributes as of `WeightTensor`."""

    role: str
    op_type: str | None = None
    layout: str | None = None
    node: str | None = None
    epsilon: float | None = None


def use_of(name: str, shape: tuple[int, ...], graph: Graph) -> Use:
    """What a constant is for.

    The first reader that gives a role decides; "constant" and the first reader's
    type where none does.
    """
    readers = list(graph.final_consumers(name))
    for node, index in readers:
        role = _ROLES.get(node.op_type, {}).get(index)
        if role is None and _is_bias(shape, node, index, graph):
            role = "bias"
        if role is not None:
            return _use(role, name, shape, (node, index), graph)
    if not readers:
        return Use("constant")
    return Use("constant", readers[0][0].op_type, None, readers[0][0].name or None)


def _use(
    role: str,
    name: str,
    shape: tuple[int, ...],
    reader: tuple[NodeProto, int],
    graph: Graph,
) -> Use:
    node, index = reader
    if role == "kernel" and _is_depthwise(node, shape):
        role = "depthwise_kernel"
    is_read_as_stored = any(node is other for other in graph.unmoved_consumers(name))
    layout = _layout(role, node, index, len(shape)) if is_read_as_stored else None
    epsilon = None
    if role in _NORMS:
        epsilon = real_attribute(node, "epsilon", _EPSILON)
    return Use(role, node.op_type, layout, node.name or None, epsilon)


def _is_depthwise(node: NodeProto, shape: tuple[int, ...]) -> bool:
    grouped = node.op_type in _CONVOLUTIONS and attribute(node, "group", 1) > 1
    return grouped and len(shape) > 2 and shape[1] == 1


def _layout(role: str, node: NodeProto, index: int, rank: int) -> str | None:
    if node.op_type == "DynamicQuantizeLSTM" and rank == 3:
        return "DIG"
    if role in _LETTERS:
        return _LETTERS[role] if len(_LETTERS[role]) == rank else None
    if node.op_type in _CONVOLUTIONS | {"ConvTranspose"}:
        layouts = _CONVOLVED if node.op_type in _CONVOLUTIONS else _UPWARD
        return layouts.get(rank)
    if role == "kernel" and rank == 2:
        return _matrix_layout(node, index)
    return None


def _matrix_layout(node: NodeProto, index: int) -> str:
    """Of a product's factor: the left one has its outputs first, if not turned."""
    is_left = index == 0
    turned = attribute(node, "transA" if is_left else "transB", 0) != 0
    return "OI" if is_left is not turned else "IO"


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
