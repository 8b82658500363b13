"""What is known of a value's range without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.graphs.walk import LAYOUT, TRANSPARENT

if TYPE_CHECKING:
    from harness.graphs.model import Graph, Node

_POSITIVE = frozenset(
    {"Relu", "Sigmoid", "Softmax", "HardSigmoid", "Exp", "Abs", "Sqrt"}
)
_KEEPS = frozenset(
    {*TRANSPARENT, *LAYOUT, "MaxPool", "AveragePool", "Concat", "Slice", "Split", "Add"}
)
_STEPS = 64


def never_negative(graph: Graph, name: str) -> bool:
    """Whether a value is 0 or above whatever the model is fed."""
    waiting, left = [name], _STEPS
    while waiting and left:
        left -= 1
        producer = graph.producer(waiting.pop())
        if producer is None:
            return False
        if producer.op_type in _POSITIVE or _clipped(graph, producer):
            continue
        if not _passes(producer):
            return False
        inputs = [k for k in producer.inputs if k]
        every = producer.op_type in {"Concat", "Add"}
        waiting += inputs if every else inputs[:1]
    return not waiting


def _passes(node: Node) -> bool:
    """A Pad with zeros, or of numbers that are there, adds nothing negative."""
    if node.op_type == "Pad":
        return not node.input(2) and node.attributes.get("value", 0.0) >= 0
    return node.op_type in _KEEPS


def _clipped(graph: Graph, node: Node) -> bool:
    if node.op_type != "Clip":
        return False
    least = graph.constant(node.input(1))
    given = least.min() if least is not None else node.attributes.get("min", -1.0)
    return bool(given >= 0)
