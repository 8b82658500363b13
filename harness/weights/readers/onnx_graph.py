"""An ONNX graph, indexed by value: which constants there are and who reads them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from onnx import AttributeProto, TensorProto, helper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import GraphProto, NodeProto

# Operators that hand on the numbers of their first input.
_HANDING_ON = frozenset(
    {
        *("Cast", "CastLike", "DequantizeLinear", "Expand", "Flatten", "Identity"),
        *("QuantizeLinear", "Reshape", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
# Those that leave each number where it lies as well.
_LEAVING = frozenset(
    {"Cast", "CastLike", "DequantizeLinear", "Identity", "QuantizeLinear"}
)


class Graph:
    """Constants, producers and consumers of the main graph.

    Attributes:
        constants: Name -> tensor: initializers, then Constant nodes, in file order.
    """

    def __init__(self, proto: GraphProto) -> None:
        self.constants = {tensor.name: tensor for tensor in proto.initializer}
        self._producers: dict[str, NodeProto] = {}
        self._consumers: dict[str, list[tuple[NodeProto, int]]] = defaultdict(list)
        for node in proto.node:
            self._producers.update(dict.fromkeys(node.output, node))
            for index, name in enumerate(node.input):
                self._consumers[name].append((node, index))
            tensor = _constant(node) if node.op_type == "Constant" else None
            for name in node.output if tensor is not None else ():
                self.constants[name] = tensor

    def producer(self, name: str) -> NodeProto | None:
        """The node that computes a value; None for inputs and initializers."""
        return self._producers.get(name)

    def is_constant(self, name: str) -> bool:
        """Whether a value is a constant, or one that was only handed on."""
        seen: set[str] = set()
        while name not in self.constants and name not in seen:
            seen.add(name)
            node = self.producer(name)
            if node is None or node.op_type not in _HANDING_ON or not node.input:
                return False
            name = node.input[0]
        return name in self.constants

    def consumers(self, name: str) -> list[tuple[NodeProto, int]]:
        """The nodes that read a value, and as which input."""
        return self._consumers.get(name, [])

    def unmoved_consumers(self, name: str) -> Iterator[NodeProto]:
        """Consumers that see a value in the layout in which it is stored."""
        values = [name]
        for value in values:
            for node, index in self.consumers(value):
                yield node
                if index == 0 and node.op_type in _LEAVING:
                    values += [out for out in node.output if out not in values]

    def final_consumers(self, name: str) -> Iterator[tuple[NodeProto, int]]:
        """Consumers, seen through those that only hand the numbers on."""
        values = [name]
        for value in values:
            for node, index in self.consumers(value):
                if index != 0 or node.op_type not in _HANDING_ON:
                    yield node, index
                else:
                    values += [out for out in node.output if out not in values]


def attribute(node: NodeProto, name: str, default: int) -> int:
    """An integer attribute of a node."""
    for item in node.attribute:
        if item.name == name:
            return int(item.i)
    return default


def real_attribute(node: NodeProto, name: str, default: float) -> float | None:
    """A float attribute of a node; None where its value is not told."""
    for item in node.attribute:
        if item.name == name:
            return float(item.f) if item.type == AttributeProto.FLOAT else None
    return default


def _constant(node: NodeProto) -> TensorProto | None:
    """The value of a Constant node as a tensor; None for texts and sparse values."""
    for item in node.attribute:
        if item.name == "value":
            tensor: TensorProto = item.t
            return tensor
        if item.name == "value_floats":
            floats = list(item.floats)
            return helper.make_tensor("", TensorProto.FLOAT, [len(floats)], floats)
        if item.name == "value_float":
            return helper.make_tensor("", TensorProto.FLOAT, [], [item.f])
    return None
