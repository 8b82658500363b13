"""What a value of a TensorFlow graph is to the operator that computes with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.formats.tensorflow_nodes import Node
    from harness.weights.readers.tensorflow_flow import Flow, Reader, Value

Roles: TypeAlias = "dict[int, tuple[str, str | None]]"

_NORM: Roles = {
    1: ("gamma", "O"),
    2: ("beta", "O"),
    3: ("running_mean", "O"),
    4: ("running_variance", "O"),
}
_PRODUCT: Roles = {0: ("kernel", "IO"), 1: ("kernel", "IO")}
_BIAS: Roles = {1: ("bias", "O")}
_PEEPHOLES: Roles = dict.fromkeys((5, 6, 7), ("peephole", "G"))
# Operator -> input -> role and layout. The order of axes is the operator's own.
_ROLES: dict[str, Roles] = {
    "BatchMatMul": _PRODUCT,
    "BatchMatMulV2": _PRODUCT,
    "BatchMatMulV3": _PRODUCT,
    "BiasAdd": _BIAS,
    "BiasAddV1": _BIAS,
    "BlockLSTM": {4: ("gate_kernel", "IG"), 8: ("gate_bias", "G"), **_PEEPHOLES},
    "BlockLSTMV2": {4: ("gate_kernel", "IG"), 8: ("gate_bias", "G"), **_PEEPHOLES},
    "Conv2D": {1: ("kernel", "HWIO")},
    "Conv2DBackpropInput": {1: ("kernel", "HWOI")},
    "Conv3D": {1: ("kernel", "DHWIO")},
    "Conv3DBackpropInputV2": {1: ("kernel", "DHWOI")},
    "CudnnRNN": {3: ("gate_kernel", None)},
    "DepthwiseConv2dNative": {1: ("depthwise_kernel", "HWIM")},
    "Einsum": {0: ("kernel", None), 1: ("kernel", None)},
    "FusedBatchNorm": _NORM,
    "FusedBatchNormV2": _NORM,
    "FusedBatchNormV3": _NORM,
    "Gather": {0: ("embedding", "IO")},
    "GatherV2": {0: ("embedding", "IO")},
    "MatMul": _PRODUCT,
    "QuantizedBiasAdd": _BIAS,
    "QuantizedConv2D": {1: ("kernel", "HWIO")},
    "QuantizedDepthwiseConv2D": {1: ("depthwise_kernel", "HWIM")},
    "QuantizedMatMul": _PRODUCT,
    "ResourceGather": {1: ("embedding", "IO"), 0: ("embedding", "IO")},
    "_FusedConv2D": {1: ("kernel", "HWIO"), 2: ("bias", "O")},
    "_FusedDepthwiseConv2dNative": {1: ("depthwise_kernel", "HWIM"), 2: ("bias", "O")},
    "_FusedMatMul": {**_PRODUCT, 2: ("bias", "O")},
}
_LINEAR = frozenset(
    op for op, roles in _ROLES.items() if roles.get(1, ("", ""))[0].endswith("kernel")
)
_TRANSPOSED = ("transpose_a", "adj_x"), ("transpose_b", "adj_y")
_SUMS = frozenset({"Add", "AddV2"})
# A cell of Keras multiplies its input first, and its state second.
_CELL = re.compile(r"(lstm|gru|rnn)_?cell", re.IGNORECASE)
_NORMS = frozenset({"beta", "gamma", "running_mean", "running_variance"})
_GATES = {"kernel": "gate_kernel", "bias": "gate_bias"}
_SECOND = "MatMul_1"


@dataclass(frozen=True, slots=True)
class Use:
    """What a value is for.

    Attributes:
        role: One of `core.roles.ROLES`.
        layout: A letter an axis; None where nothing tells.
        op_type: The operator that reads it; None where none does.
        node: Name of that operator's node.
        epsilon: What a normalisation adds to the variance; None where nothing tells.
    """

    role: str = "constant"
    layout: str | None = None
    op_type: str | None = None
    node: str | None = None
    epsilon: float | None = None


def use_of(value: Value, shape: tuple[int, ...], flow: Flow) -> Use:
    """What a value is to its first reader that gives it a role."""
    readers = list(flow.final_readers(value))
    for reader in readers:
        use = _use(reader, shape, flow)
        if use is not None:
            return use
    if not readers:
        return Use()
    return Use("constant", None, readers[0].node.op, readers[0].node.name)


def _use(reader: Reader, shape: tuple[int, ...], flow: Flow) -> Use | None:
    node = reader.node
    found = _ROLES.get(node.op, {}).get(reader.index)
    found = found or _of_arithmetic(reader, shape, flow)
    if found is None:
        return None
    role, layout = found
    if layout == "IO" and role == "kernel" and _is_transposed(reader):
        layout = "OI"
    if _CELL.search(node.name) and role in _GATES:
        role, layout = _gate(role, node.name)
    if reader.reordered and len(shape) > 1:
        layout = None
    epsilon = _epsilon(reader, flow) if role in _NORMS else None
    return Use(role, fitted(layout, shape), node.op, node.name, epsilon)


def _epsilon(reader: Reader, flow: Flow) -> float | None:
    """Of a fused batch norm, or of the scalar that is added before a root is taken."""
    if reader.node.op.startswith("FusedBatchNorm"):
        return reader.node.attributes.real("epsilon")
    if reader.node.op in _SUMS:
        return _added(reader.node, reader.body, flow)
    near = _sources(reader.node, reader.body, flow)
    near += [source for n in near for source in _sources(n, reader.body, flow)]
    near += [source for n in near for source in _sources(n, reader.body, flow)]
    roots = (node for node in near if node.op == "Rsqrt")
    sums = (s for n in roots for s in _sources(n, reader.body, flow) if s.op in _SUMS)
    return next((_added(node, reader.body, flow) for node in sums), None)


def _sources(node: Node, body: str, flow: Flow) -> list[Node]:
    found = (flow.behind(body, name) for name in node.inputs)
    return [source for source in found if source is not None]


def _added(node: Node, body: str, flow: Flow) -> float | None:
    for source in _sources(node, body, flow):
        if source.op == "Const":
            tensor = source.attributes.tensor("value")
            if not tensor.shape and tensor.dtype == "float32":
                return float(tensor.numbers().reshape(-1)[0])
    return None


def _gate(role: str, name: str) -> tuple[str, str]:
    if role == "bias":
        return "gate_bias", "G"
    if name.endswith(_SECOND):
        return "gate_recurrent_kernel", "IG"
    return "gate_kernel", "IG"


def fitted(layout: str | None, shape: tuple[int, ...]) -> str | None:
    """A layout for a tensor of this rank; None where they do not go together.

    One axis of space is left of two where a convolution over one axis is computed as
    one over two.
    """
    if layout is None or len(layout) == len(shape):
        return layout
    narrow = layout.replace("H", "", 1)
    return narrow if len(narrow) == len(shape) else None


def _is_transposed(reader: Reader) -> bool:
    keys = _TRANSPOSED[reader.index]
    return any(reader.node.attributes.integer(key) for key in keys)


def _of_arithmetic(
    reader: Reader, shape: tuple[int, ...], flow: Flow
) -> tuple[str, str | None] | None:
    """A bias that is added, or a part of what is spelled out: batch norm, PReLU."""
    if reader.node.op == "Neg" and _is_slope(reader, flow):
        return "slope", None
    if sum(n > 1 for n in shape) > 1 or reader.index > 1:
        return None
    op, other = reader.node.op, flow.input_of(reader, 1 - reader.index)
    others = other.op if other else ""
    if op in _SUMS and others in _LINEAR:
        return "bias", fitted("O", shape)
    role = None
    if op in _SUMS and "Rsqrt" in _next_ops(reader, flow):
        role = "running_variance"
    elif op == "Sub" and reader.index == 0 and others == "Mul":
        role = "beta"
    elif op == "Mul" and others == "Rsqrt":
        role = "running_mean" if _is_taken_away(reader, flow) else "gamma"
    elif op == "Mul" and others == "Mul" and _is_taken_away(reader, flow):
        role = "running_mean"
    return (role, fitted("O", shape)) if role else None


def _is_taken_away(reader: Reader, flow: Flow) -> bool:
    """Whether a product is only subtracted: beta - mean x scale."""
    readers = flow.next_readers(reader.body, reader.node.name)
    return bool(readers) and all(
        (r.node.op, r.index) in {("Sub", 1), ("Neg", 0)} for r in readers
    )


def _is_slope(reader: Reader, flow: Flow) -> bool:
    """Whether the negated value multiplies what a rectifier lets through."""
    return any(
        r.node.op == "Mul"
        and r.index < 2
        and (other := flow.input_of(r, 1 - r.index)) is not None
        and other.op == "Relu"
        for r in flow.next_readers(reader.body, reader.node.name)
    )


def _next_ops(reader: Reader, flow: Flow) -> Iterator[str]:
    for following in flow.next_readers(reader.body, reader.node.name):
        yield following.node.op
