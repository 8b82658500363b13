"""TensorFlow's graphs: nodes, types and shapes from GraphDef and its relatives.

Field numbers are those of tensorflow/core/framework/*.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.protocols import TensorSpec
from harness.formats.tensorflow_names import COMPILED, FILES, MACHINES, PRINTS, PYTHON
from harness.formats.tensorflow_protos import dtype_of, shape_of
from harness.formats.wire import Message
from harness.inspection.tally import Weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderWithDefault"})
_NO_OUTPUTS = frozenset({"Assert", "Const", "NoOp", *_PLACEHOLDERS})
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Node:
    """One node, of the graph or of a function.

    Attributes:
        name: Its name.
        op: Its operator.
        message: All of it.
    """

    name: str
    op: str
    message: Message

    def attribute(self, name: str) -> Message:
        """A value by its key; an empty one where it is not there."""
        return dict(self.message.entries(5)).get(name) or Message(memoryview(b""))


class Graph:
    """A GraphDef.

    Attributes:
        nodes: Of the graph itself.
        inner: Of the functions in its library.
    """

    def __init__(self, message: Message) -> None:
        self.nodes = list(map(_node, message.messages(1)))
        functions = message.message(2).messages(1)
        self.inner = [_node(m) for function in functions for m in function.messages(3)]

    @property
    def operators(self) -> Iterator[str]:
        """Operators of all nodes, those of functions too."""
        return (node.op for node in (*self.nodes, *self.inner))

    def placeholders(self) -> tuple[TensorSpec, ...]:
        """What must be fed."""
        return tuple(
            map(_placeholder, (n for n in self.nodes if n.op in _PLACEHOLDERS))
        )

    def unused(self) -> tuple[TensorSpec, ...]:
        """Nodes whose answers no other takes."""
        taken = {
            name.lstrip("^").partition(":")[0]
            for node in self.nodes
            for name in node.message.texts(3)
        }
        ends = (
            n for n in self.nodes if n.name not in taken and n.op not in _NO_OUTPUTS
        )
        return tuple(map(_end, ends))

    def constants(self) -> Weights:
        """Values of Const nodes."""
        weights = Weights()
        for node in (*self.nodes, *self.inner):
            if node.op == "Const":
                tensor = node.attribute("value").message(8)
                dtype = dtype_of(tensor.integer(1))
                shape = [length or 0 for length in shape_of(tensor.message(2)) or ()]
                # Whole numbers are shapes and axes; so are numbers without a shape.
                counts = bool(shape) and dtype not in {"int32", "int64"}
                weights.add(dtype, shape, is_parameter=counts)
        return weights


def graph_safety(operators: Iterable[str]) -> Iterator[str]:
    """What operators could do beside computing."""
    found = set(operators)
    if python := sorted(found & PYTHON):
        yield (
            f"{', '.join(python)}: calls Python functions of the process that made"
            " the model; it cannot run elsewhere"
        )
    if files := sorted(found & {*FILES, PRINTS}):
        yield f"{_few(files)}: reads or writes files when it runs"
    if native := sorted(found & (COMPILED | MACHINES)):
        yield f"{_few(native)}: holds compiled code, or calls another machine"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN])


def _node(message: Message) -> Node:
    return Node(message.text(1), message.text(2), message)


def _placeholder(node: Node) -> TensorSpec:
    shape = node.attribute("shape")
    known = shape_of(shape.message(7)) if shape.has(7) else None
    return TensorSpec(node.name, dtype_of(node.attribute("dtype").integer(6)), known)


def _end(node: Node) -> TensorSpec:
    dtype = node.attribute("T").integer(6)
    return TensorSpec(node.name, dtype_of(dtype) if dtype else "unknown", None)
