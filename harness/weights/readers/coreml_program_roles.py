"""What a constant is to the operation of a Core ML program that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.weights.readers.coreml_graph import Graph, Operation, Use

_KERNEL = {"weight": "kernel", "bias": "bias"}
_NORM = {"gamma": "gamma", "beta": "beta"}
_GATES = {
    f"{word}{suffix}": role
    for suffix in ("", "_back")
    for word, role in (
        ("weight_ih", "gate_kernel"),
        ("weight_hh", "gate_recurrent_kernel"),
        ("bias", "gate_bias"),
        ("input_bias", "gate_bias"),
        ("peephole", "peephole"),
    )
}
_PRODUCT = {"x": "kernel", "y": "kernel"}
# Operation -> parameter -> role.
_ROLES = {
    "batch_norm": _NORM | {"mean": "running_mean", "variance": "running_variance"},
    "conv": _KERNEL,
    "conv_quantized": _KERNEL,
    "conv_transpose": _KERNEL,
    "einsum": {"values": "kernel"},
    "gather": {"x": "embedding"},
    "gru": _GATES,
    "instance_norm": _NORM,
    "layer_norm": _NORM,
    "linear": _KERNEL,
    "lstm": _GATES,
    "matmul": _PRODUCT,
    "prelu": {"alpha": "slope"},
    "rnn": _GATES,
}
_LINEAR = frozenset({"conv", "conv_transpose", "einsum", "linear", "matmul"})
_BETWEEN = frozenset({"cast", "expand_dims", "reshape", "squeeze", "transpose"})
_VECTORS = frozenset(
    {"beta", "bias", "gamma", "running_mean", "running_variance", "slope"}
)
# More operations than this never do; a graph that goes in circles has an end here.
_FAR = 8
_SPACE = {1: "W", 2: "HW", 3: "DHW"}


def role_of(shape: tuple[int, ...], use: Use, graph: Graph) -> str:
    """Role of a constant; "part" for what others are decompressed from."""
    operation, parameter = use.operation, use.parameter
    if operation.is_constant or operation.type in {"quantize", "dequantize"}:
        return "scale" if parameter == "scale" else "part"
    role = _ROLES.get(operation.type, {}).get(parameter)
    if role == "kernel" and operation.type == "conv" and shape[1:2] == (1,):
        groups = graph.integer(operation, "groups", 1)
        return "depthwise_kernel" if groups > 1 else role
    if role is None and _is_bias(shape, operation, parameter, graph):
        return "bias"
    return role or "constant"


def layout_of(shape: tuple[int, ...], role: str, use: Use, graph: Graph) -> str | None:
    """A letter an axis; None where the axes are not those of the operation's input."""
    rank = len(shape)
    if use.moved:
        return None
    if role.endswith("kernel") and not role.startswith("gate"):
        return _kernel_layout(rank, use, graph)
    if role in _VECTORS:
        return "O" if rank == 1 else None
    if role.startswith("gate"):
        return {1: "G", 2: "GI"}.get(rank)
    return "IO" if role == "embedding" and rank == 2 else None


def _kernel_layout(rank: int, use: Use, graph: Graph) -> str | None:
    kind = use.operation.type
    if kind.startswith("conv") and rank - 2 in _SPACE:
        return ("IO" if kind == "conv_transpose" else "OI") + _SPACE[rank - 2]
    if rank != 2 or kind not in {"linear", "matmul"}:
        return None
    return "OI" if kind == "linear" else _factor_layout(use, graph)


def _factor_layout(use: Use, graph: Graph) -> str:
    """As the second factor its rows are inputs, unless it is transposed."""
    transposed = bool(graph.integer(use.operation, f"transpose_{use.parameter}", 0))
    return "IO" if (use.parameter == "y") is not transposed else "OI"


def _is_bias(
    shape: tuple[int, ...], add: Operation, parameter: str, graph: Graph
) -> bool:
    """A vector added to a convolution's or a matrix product's result."""
    other = {"x": "y", "y": "x"}.get(parameter)
    if add.type != "add" or other is None or sum(n > 1 for n in shape) > 1:
        return False
    given = add.inputs.get(other, [])
    for _ in range(_FAR):
        found = graph.maker(given[0]) if given else None
        if found is None or found.type not in _BETWEEN:
            return found is not None and found.type in _LINEAR
        given = found.inputs.get("x", [])
    return False
