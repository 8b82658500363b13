"""What a constant of a LiteRT graph is to the operator that computes with it.

Inputs and axes: https://www.tensorflow.org/mlir/tfl_ops
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from harness.weights.readers.tensorflow_roles import Use, fitted

if TYPE_CHECKING:
    from collections.abc import Iterator

Roles: TypeAlias = "dict[int, tuple[str, str | None]]"


def _sequence(first: int, *, outputs: int) -> Roles:
    """Inputs of an LSTM's direction, from those of its input's gates on."""
    roles: Roles = {
        **dict.fromkeys(range(first, first + 4), ("gate_kernel", "GI")),
        **dict.fromkeys(range(first + 4, first + 8), ("gate_recurrent_kernel", "GI")),
        **dict.fromkeys(range(first + 8, first + 11), ("peephole", "G")),
        **dict.fromkeys(range(first + 11, first + 15), ("gate_bias", "G")),
    }
    return roles | {outputs: ("kernel", "OI"), outputs + 1: ("bias", "O")}


_LSTM = _sequence(1, outputs=16)
_NORMED = dict.fromkeys(range(20, 24), ("gamma", "G"))
_RNN: Roles = {
    1: ("gate_kernel", "GI"),
    2: ("gate_recurrent_kernel", "GI"),
    3: ("gate_bias", "G"),
}
_PRODUCT: Roles = {0: ("kernel", "IO"), 1: ("kernel", "IO")}
# Operator -> input -> role and layout.
_ROLES: dict[str, Roles] = {
    "BATCH_MATMUL": _PRODUCT,
    "BIDIRECTIONAL_SEQUENCE_LSTM": (
        _sequence(1, outputs=16) | _sequence(18, outputs=33)
    ),
    "CONV_2D": {1: ("kernel", "OHWI"), 2: ("bias", "O")},
    "CONV_3D": {1: ("kernel", "DHWIO"), 2: ("bias", "O")},
    "CONV_3D_TRANSPOSE": {1: ("kernel", "DHWOI"), 3: ("bias", "O")},
    "DEPTHWISE_CONV_2D": {1: ("depthwise_kernel", "1HWM"), 2: ("bias", "O")},
    "EMBEDDING_LOOKUP": {1: ("embedding", "IO")},
    "FULLY_CONNECTED": {1: ("kernel", "OI"), 2: ("bias", "O")},
    "GATHER": {0: ("embedding", "IO")},
    "LSTM": _LSTM | _NORMED,
    "PRELU": {1: ("slope", None)},
    "RNN": _RNN,
    "SVDF": {1: ("kernel", None), 2: ("kernel", None), 3: ("bias", "O")},
    "TRANSPOSE_CONV": {1: ("kernel", "OHWI"), 3: ("bias", "O")},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM | _NORMED,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _RNN,
}
_LINEAR = frozenset(
    {
        *("BATCH_MATMUL", "CONV_2D", "CONV_3D", "CONV_3D_TRANSPOSE"),
        *("DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"),
    }
)
# Operators that hand on the numbers of their first input.
_HANDING_ON = frozenset(
    {
        *("CAST", "DENSIFY", "DEQUANTIZE", "EXPAND_DIMS", "QUANTIZE", "RESHAPE"),
        *("SQUEEZE", "TRANSPOSE"),
    }
)
_REORDERING = frozenset({"RESHAPE", "TRANSPOSE"})


@dataclass(frozen=True, slots=True)
class LiteNode:
    """A node of a graph.

    Attributes:
        op: Its operator.
        name: That of the first tensor that it gives.
        inputs: Numbers of the tensors that it reads; below zero where it has none.
        outputs: Numbers of those that it gives.
        flags: Its first two options as truths; of a product, what it transposes.
    """

    op: str
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    flags: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LiteGraph:
    """Who reads and who gives each tensor of a graph.

    Attributes:
        nodes: In the order in which they run.
        readers: Tensor -> nodes, and as which input.
        producers: Tensor -> node.
    """

    nodes: tuple[LiteNode, ...]
    readers: dict[int, list[tuple[LiteNode, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    producers: dict[int, LiteNode] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.nodes:
            self.producers.update(dict.fromkeys(node.outputs, node))
            for index, tensor in enumerate(node.inputs):
                self.readers[tensor].append((node, index))

    def final_readers(self, tensor: int) -> Iterator[tuple[LiteNode, int, bool]]:
        """Those that compute with a tensor, and whether axes were moved before."""
        waiting, seen = [(tensor, False)], {tensor}
        for at, moved in waiting:
            for node, index in self.readers.get(at, ()):
                if node.op in _HANDING_ON and index == 0:
                    onward = [out for out in node.outputs if out not in seen]
                    seen.update(onward)
                    waiting += [(n, moved or node.op in _REORDERING) for n in onward]
                else:
                    yield node, index, moved


def use_of(tensor: int, shape: tuple[int, ...], graph: LiteGraph) -> Use:
    """What a tensor is to its first reader that gives it a role."""
    readers = list(graph.final_readers(tensor))
    for node, index, moved in readers:
        found = _ROLES.get(node.op, {}).get(index)
        if found is None and _is_bias(node, index, shape, graph):
            found = ("bias", "O")
        if found is not None:
            role, layout = found
            if node.op == "BATCH_MATMUL" and any(node.flags[index : index + 1]):
                layout = "OI"
            if moved and len(shape) > 1:
                layout = None
            return Use(role, fitted(layout, shape), node.op, node.name)
    if not readers:
        return Use()
    return Use("constant", None, readers[0][0].op, readers[0][0].name)


def _is_bias(
    node: LiteNode, index: int, shape: tuple[int, ...], graph: LiteGraph
) -> bool:
    """A vector added to what a linear operator gives."""
    if node.op != "ADD" or index > 1 or sum(n > 1 for n in shape) > 1:
        return False
    other = graph.producers.get(node.inputs[1 - index])
    for _ in range(len(_HANDING_ON)):
        if other is None or other.op not in _HANDING_ON:
            break
        other = graph.producers.get(other.inputs[0])
    return other is not None and other.op in _LINEAR
