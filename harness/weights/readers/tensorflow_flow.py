"""Who reads a value of a TensorFlow graph, seen through calls and loops too."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.formats.tensorflow_nodes import Bodies, Node

# Operators that hand on the numbers of their first input.
_HANDING_ON = frozenset(
    {
        *("Cast", "Dequantize", "Enter", "ExpandDims", "Identity", "IdentityN"),
        *("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel"),
        *("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "ReadVariableOp"),
        *("QuantizeAndDequantizeV4", "RefEnter", "RefIdentity", "Reshape", "Squeeze"),
        *("StopGradient", "Transpose"),
    }
)
# Of those, the ones after which axes are no longer where they were stored.
_REORDERING = frozenset({"Reshape", "Transpose"})
# Operators that call functions -> their attributes, and how many inputs come before
# the functions' own.
_CALLS = {
    **dict.fromkeys(("PartitionedCall", "StatefulPartitionedCall"), (("f",), 0)),
    **dict.fromkeys(("While", "StatelessWhile"), (("body",), 0)),
    **dict.fromkeys(("If", "StatelessIf"), (("then_branch", "else_branch"), 1)),
}


class Value(NamedTuple):
    """What a node or an argument gives.

    Attributes:
        body: Name of the function, "" for the graph itself.
        name: Of the node or argument.
    """

    body: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A node that reads a value.

    Attributes:
        node: It.
        index: As which input.
        body: Where the node is.
        reordered: Whether axes were moved on the way.
    """

    node: Node
    index: int
    body: str
    reordered: bool = False


class Flow:
    """Producers and consumers of all bodies of a graph."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._producers: dict[Value, Node] = {}
        self._readers: dict[Value, list[Reader]] = defaultdict(list)
        for body in ("", *bodies.functions):
            found = bodies.named(body)
            for node in found.nodes if found else ():
                self._producers[Value(body, node.name)] = node
                for index, name in enumerate(node.inputs):
                    self._readers[Value(body, name)].append(Reader(node, index, body))

    def values(self) -> Iterator[tuple[Value, Node]]:
        """All nodes, those of the graph itself first."""
        yield from self._producers.items()

    def producer(self, body: str, name: str) -> Node | None:
        """The node that computes a value; None for arguments."""
        return self._producers.get(Value(body, name))

    def input_of(self, reader: Reader, index: int) -> Node | None:
        """The node behind another input of a reader, seen through hands."""
        inputs = reader.node.inputs
        name = inputs[index] if index < len(inputs) else ""
        return self.behind(reader.body, name)

    def behind(self, body: str, name: str) -> Node | None:
        """The node that computes a value, seen through those that only hand it on."""
        seen: set[str] = set()
        node = self.producer(body, name)
        while node and node.op in _HANDING_ON and node.inputs and name not in seen:
            seen.add(name)
            name = node.inputs[0]
            node = self.producer(body, name)
        return node

    def next_readers(self, body: str, name: str) -> list[Reader]:
        """Those that read a value themselves."""
        return self._readers.get(Value(body, name), [])

    def final_readers(self, value: Value) -> Iterator[Reader]:
        """Those that compute with it, in order of distance."""
        waiting, seen = [(value, False)], {value}
        for at, reordered in waiting:
            for reader in self.next_readers(*at):
                onward = [v for v in self._onward(reader) if v not in seen]
                seen.update(onward)
                moved = reordered or reader.node.op in _REORDERING
                waiting += [(v, moved) for v in onward]
                if not self._hands_on(reader):
                    yield Reader(reader.node, reader.index, reader.body, reordered)

    def _hands_on(self, reader: Reader) -> bool:
        op = reader.node.op
        is_call = op in _CALLS or op in self._bodies.functions
        return is_call or (op in _HANDING_ON and reader.index == 0)

    def _onward(self, reader: Reader) -> Iterator[Value]:
        """Where the value goes on under another name."""
        node = reader.node
        keys, before = _CALLS.get(node.op, ((), 0))
        names = [node.attributes.function(key) for key in keys]
        if node.op in self._bodies.functions:
            names.append(node.op)
        for name in names:
            body = self._bodies.functions.get(name)
            at = reader.index - before
            if body is not None and 0 <= at < len(body.arguments):
                yield Value(name, body.arguments[at])
        if node.op in _HANDING_ON and reader.index == 0:
            yield Value(reader.body, node.name)
