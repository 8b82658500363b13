"""Nodes and functions of a GraphDef, from its bytes or its text.

Field numbers are those of tensorflow/core/framework/{graph,node_def,function,op_def,
attr_value}.proto.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from harness.formats.tensorflow_protos import real_of, tensor_of, tensor_of_text
from harness.formats.wire import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.formats.prototext import TextMessage
    from harness.formats.tensorflow_protos import TensorValue


class Attributes(Protocol):
    """Attributes of a node; one that is not there reads as empty."""

    def integer(self, key: str) -> int:
        """A whole number; a truth as 0 or 1."""
        ...

    def real(self, key: str) -> float | None:
        """A float; None where it is not there."""
        ...

    def text(self, key: str) -> str:
        """A text."""
        ...

    def function(self, key: str) -> str:
        """Name of a function."""
        ...

    def tensor(self, key: str) -> TensorValue:
        """A tensor. Raises Malformed."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One node.

    Attributes:
        name: Its name.
        op: Its operator.
        inputs: Names of the nodes or arguments that it reads, without ports; control
            inputs are left out.
        attributes: What else it says.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Attributes


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The graph itself, or a function of its library.

    Attributes:
        nodes: In the file's order.
        arguments: Names of a function's, in order; none for the graph itself.
    """

    nodes: tuple[Node, ...]
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """A GraphDef.

    Attributes:
        main: The graph itself.
        functions: Its library, by name.
    """

    main: Body
    functions: Mapping[str, Body] = field(default_factory=dict)

    def named(self, name: str) -> Body | None:
        """A function, or the graph itself, which is ""."""
        return self.functions.get(name) if name else self.main


def bodies_of(graph: Message) -> Bodies:
    """A GraphDef.

    Raises:
        Malformed: It is damaged.
    """
    functions = {}
    for function in graph.message(2).messages(1):
        signature = function.message(1)
        arguments = tuple(argument.text(1) for argument in signature.messages(2))
        nodes = tuple(map(_node, function.messages(3)))
        functions[signature.text(1)] = Body(nodes, arguments)
    return Bodies(Body(tuple(map(_node, graph.messages(1)))), functions)


def bodies_of_text(graph: TextMessage) -> Bodies:
    """A GraphDef in text form."""
    functions = {}
    for function in graph.message("library").messages("function"):
        signature = function.message("signature")
        arguments = tuple(a.text("name") for a in signature.messages("input_arg"))
        nodes = tuple(map(_text_node, function.messages("node_def")))
        functions[signature.text("name")] = Body(nodes, arguments)
    return Bodies(Body(tuple(map(_text_node, graph.messages("node")))), functions)


def _node(message: Message) -> Node:
    inputs = _inputs(message.texts(3))
    return Node(message.text(1), message.text(2), inputs, _OfBytes(message))


def _text_node(message: TextMessage) -> Node:
    inputs = _inputs(message.texts("input"))
    return Node(message.text("name"), message.text("op"), inputs, _OfText(message))


def _inputs(names: list[str]) -> tuple[str, ...]:
    return tuple(name.partition(":")[0] for name in names if name[:1] != "^")


class _OfBytes:
    """Attributes read when they are asked for: most never are."""

    __slots__ = ("_node",)

    def __init__(self, node: Message) -> None:
        self._node = node

    def integer(self, key: str) -> int:
        value = self._value(key)
        return value.integer(3) or value.integer(5)

    def real(self, key: str) -> float | None:
        blocks = [b for b in self._value(key).blocks(4) if len(b) == 4]
        return float(struct.unpack("<f", blocks[-1])[0]) if blocks else None

    def text(self, key: str) -> str:
        return self._value(key).text(2)

    def function(self, key: str) -> str:
        return self._value(key).message(10).text(1)

    def tensor(self, key: str) -> TensorValue:
        return tensor_of(self._value(key).message(8))

    def _value(self, key: str) -> Message:
        found = (value for name, value in self._node.entries(5) if name == key)
        return next(found, Message(memoryview(b"")))


class _OfText:
    """The same of a node in text form."""

    __slots__ = ("_node",)

    def __init__(self, node: TextMessage) -> None:
        self._node = node

    def integer(self, key: str) -> int:
        value = self._value(key)
        if value.text("b") == "true":
            return 1
        return (*value.integers("i"), 0)[0]

    def real(self, key: str) -> float | None:
        return real_of(self._value(key).text("f"))

    def text(self, key: str) -> str:
        return self._value(key).text("s")

    def function(self, key: str) -> str:
        return self._value(key).message("func").text("name")

    def tensor(self, key: str) -> TensorValue:
        return tensor_of_text(self._value(key).message("tensor"))

    def _value(self, key: str) -> TextMessage:
        entries = self._node.messages("attr")
        found = (e.message("value") for e in entries if e.text("key") == key)
        return next(found, self._node.message(""))
