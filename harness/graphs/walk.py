"""Upstream and downstream through nodes that change no number, or only its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.graphs.model import Graph, Node

# The first input passes through as it is, but for the rounding of a Cast.
EXACT = frozenset({"Identity", "Cast", "Dropout"})
# The same, with the rounding and clipping of a quantization.
TRANSPARENT = EXACT | {
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
}
# Elements keep their values and change their places.
LAYOUT = frozenset({"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})


def data_producer(graph: Graph, name: str) -> Node | None:
    """The node that makes a value, seen through transparent nodes."""
    node = graph.producer(name)
    while node is not None and node.op_type in TRANSPARENT:
        node = graph.producer(node.input(0))
    return node
