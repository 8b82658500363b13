"""Nodes and functions of a GraphDef as plain records, with the ports of their inputs.

Field numbers are those of tensorflow/core/framework/{graph,node_def,function,op_def,
attr_value}.proto.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from harness.formats.tensorflow_protos import dtype_of, shape_of, tensor_of
from harness.formats.wire import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.protocols import Array

# A node or an argument, and which of its answers.
Port: TypeAlias = tuple[str, int]
_TRUTHS = frozenset(
    {
        *("Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd"),
        *("LogicalNot", "LogicalOr", "NotEqual"),
    }
)
# Answers by name, of operators that have several, where functions refer to them.
_ANSWERS = {
    "FusedBatchNormV3": ("y", "batch_mean", "batch_variance"),
    "FusedBatchNorm": ("y", "batch_mean", "batch_variance"),
    "TopKV2": ("values", "indices"),
}


@dataclass(frozen=True)
class TfNode:
    """One node.

    Attributes:
        name: Its name.
        op: Its operator.
        inputs: What it reads; control inputs are left out.
        message: All of it.
    """

    name: str
    op: str
    inputs: tuple[Port, ...]
    message: Message

    @cached_property
    def attributes(self) -> dict[str, Message]:
        """AttrValues by key."""
        return dict(self.message.entries(5))

    def integer(self, key: str, default: int = 0) -> int:
        """A whole number, a truth, or the number of a type."""
        value = self.attributes.get(key)
        if value is None:
            return default
        return value.integer(3) or value.integer(5) or value.integer(6)

    def integers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self.attributes.get(key)
        return tuple(value.message(1).integers(3)) if value else ()

    def real(self, key: str, default: float) -> float:
        """A float; protobuf leaves 0 out."""
        value = self.attributes.get(key)
        if value is None:
            return default
        blocks = [b for b in value.blocks(4) if len(b) == 4]
        return float(struct.unpack("<f", blocks[-1])[0]) if blocks else 0.0

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        value = self.attributes.get(key)
        return value.text(2) if value else default

    def function(self) -> str:
        """The function that it calls."""
        value = self.attributes.get("f")
        return value.message(10).text(1) if value else ""

    def dtype(self, key: str) -> str:
        """Name of a type, as numpy has it."""
        value = self.attributes.get(key)
        return dtype_of(value.integer(6)) if value else "float32"

    def answer_dtype(self) -> str:
        """Name of the type of its first answer, as numpy has it."""
        if self.op in _TRUTHS:
            return "bool"
        keys = ("DstT", "output_type", "out_type", "dtype", "T")
        return self.dtype(next((k for k in keys if k in self.attributes), "T"))

    def shape(self) -> tuple[int | None, ...] | None:
        """The attribute "shape"; None without a rank."""
        value = self.attributes.get("shape")
        return shape_of(value.message(7)) if value and value.has(7) else None

    def value(self) -> Array:
        """The content of a Const. Raises Malformed."""
        empty = Message(memoryview(b""))
        tensor = tensor_of(self.attributes.get("value", empty).message(8))
        if not tensor.shape and not len(tensor.content) and not len(tensor.listed):
            # Protobuf leaves out what is zero.
            return np.zeros((), tensor.listed.dtype)
        return tensor.numbers()


@dataclass(frozen=True, slots=True, eq=False)
class TfBody:
    """The graph itself, or a function of its library.

    Attributes:
        nodes: By name, in the file's order.
        arguments: Names of a function's, in order.
        answers: What it returns, in order.
    """

    nodes: Mapping[str, TfNode]
    arguments: tuple[str, ...] = ()
    answers: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TfGraph:
    """A GraphDef.

    Attributes:
        main: The graph itself.
        functions: Its library, by name.
    """

    main: TfBody
    functions: Mapping[str, TfBody] = field(default_factory=dict)


def read_graph_def(graph: Message) -> TfGraph:
    """A GraphDef.

    Raises:
        Malformed: It is damaged.
    """
    main = TfBody(_nodes([_node(m, {}) for m in graph.messages(1)]))
    functions = (_function(m) for m in graph.message(2).messages(1))
    return TfGraph(main, dict(functions))


def _function(message: Message) -> tuple[str, TfBody]:
    signature = message.message(1)
    arguments = tuple(argument.text(1) for argument in signature.messages(2))
    kinds = {m.text(1): m.text(2) for m in message.messages(3)}
    nodes = _nodes([_node(m, kinds) for m in message.messages(3)])
    returned = {entry.text(1): entry.text(2) for entry in message.messages(4)}
    answers = tuple(
        _port(returned[answer.text(1)], kinds)
        for answer in signature.messages(3)
        if answer.text(1) in returned
    )
    return signature.text(1), TfBody(nodes, arguments, answers)


def _nodes(nodes: list[TfNode]) -> dict[str, TfNode]:
    return {node.name: node for node in nodes}


def _node(message: Message, kinds: Mapping[str, str]) -> TfNode:
    names = (name for name in message.texts(3) if name[:1] != "^")
    inputs = tuple(_port(name, kinds) for name in names)
    return TfNode(message.text(1), message.text(2), inputs, message)


def _port(text: str, kinds: Mapping[str, str]) -> Port:
    """What an input refers to: in functions, answers have names of their own."""
    name, *rest = text.split(":")
    number = int(rest[-1]) if rest and rest[-1].isdigit() else 0
    answers = _ANSWERS.get(kinds.get(name, ""), ())
    if len(rest) == 2 and rest[0] in answers:
        return name, answers.index(rest[0])
    return name, number
