"""A graph as plain records: nodes in topological order, values, constants.

The words are ONNX's (node, value, initializer, ``op_type``); a reader of another
format maps its operators onto them, so that everything behind sees one vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.protocols import Array

Shape: TypeAlias = "tuple[int | str | None, ...]"


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What flows along an edge.

    Attributes:
        name: Unique in the graph.
        dtype: numpy dtype name, None when unknown.
        shape: A str or None where a length is free; None without a rank.
        constant: Its content where the file fixes it, folded from constants.
        half_step: For a constant that was dequantized, half its quantization step,
            broadcastable to `constant`: how far rounding may have moved it.
    """

    name: str
    dtype: str | None = None
    shape: Shape | None = None
    constant: Array | None = None
    half_step: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operator.

    Attributes:
        name: The file's name of it, may be empty.
        op_type: Operator.
        domain: Empty for ONNX's own operators.
        inputs: Value names, empty where an optional input is left out.
        outputs: Value names; the first one identifies the node in its file.
        attributes: Numbers, str, lists of them, arrays.
        order: Position in topological order.
    """

    name: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    order: int

    @property
    def key(self) -> str:
        """The first named output: unique, and the same in the file."""
        return next(filter(None, self.outputs), "")

    @property
    def label(self) -> str:
        """What a reader finds the node by: its name, else its first output."""
        return self.name or self.key

    def input(self, index: int) -> str:
        """Name of an input, empty where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def ints(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An attribute that lists integers; `default` where it is not set."""
        return tuple(int(item) for item in self.attributes.get(name) or default)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A model's main graph.

    Attributes:
        nodes: In topological order; nodes that compute constants are left out.
        values: Every value by its name.
        inputs: Names of what the model is fed, in the file's order.
        outputs: Names of what it answers, in the file's order.
        opset: Version of ONNX's operators, which decides their defaults.
    """

    nodes: tuple[Node, ...]
    values: Mapping[str, Value]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    opset: int = 18
    _producers: Mapping[str, Node] = field(init=False, repr=False)
    _consumers: Mapping[str, tuple[Node, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        producers = {name: node for node in self.nodes for name in node.outputs}
        consumers: dict[str, tuple[Node, ...]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(filter(None, node.inputs)):
                consumers[name] = (*consumers.get(name, ()), node)
        object.__setattr__(self, "_producers", producers)
        object.__setattr__(self, "_consumers", consumers)

    def producer(self, name: str) -> Node | None:
        """The node that computes a value; None for inputs and constants."""
        return self._producers.get(name)

    def consumers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read a value, in topological order."""
        return self._consumers.get(name, ())

    def only_consumer(self, name: str) -> Node | None:
        """The node that alone reads a value; None where others or the caller do."""
        found = self.consumers(name)
        return found[0] if len(found) == 1 and name not in self.outputs else None

    def constant(self, name: str) -> Array | None:
        """A value's content where the file fixes it."""
        value = self.values.get(name)
        return None if value is None else value.constant

    def static_shape(self, name: str) -> tuple[int, ...] | None:
        """A value's shape where every length is known."""
        value = self.values.get(name)
        if value is None or value.shape is None:
            return None
        known = tuple(n for n in value.shape if isinstance(n, int))
        return known if len(known) == len(value.shape) else None
