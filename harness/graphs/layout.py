"""In which order a spatial activation reaches a matrix product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.graphs.walk import LAYOUT, TRANSPARENT

if TYPE_CHECKING:
    from harness.core.protocols import IntArray
    from harness.graphs.model import Graph, Node

# Each element of the result comes from the element of the same place.
ELEMENTWISE = TRANSPARENT | {
    *("Abs", "Add", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid"),
    *("HardSwish", "LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow"),
    *("PRelu", "QLinearAdd", "QLinearMul", "Relu", "Selu", "Sigmoid", "Softplus"),
    *("Sqrt", "Sub", "Tanh", "BatchNormalization"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Flattening:
    """How a spatial activation became a vector a sample.

    Attributes:
        shape: Of one sample before it was rearranged, as its operator wrote it.
        order: Element k of the vector is element ``order[k]`` of that sample.
    """

    shape: tuple[int, ...]
    order: IntArray


def flattening(graph: Graph, name: str) -> Flattening | None:
    """The flattening that leads to a value of shape (samples, k).

    Returns:
        None where the value was never spatial, or a shape on the way is unknown.
    """
    chain = []
    node = graph.producer(name)
    source = name
    while node is not None and node.op_type in LAYOUT | ELEMENTWISE:
        through = _same_elements(graph, node)
        if through is None:
            return None
        if node.op_type in LAYOUT:
            chain.append(node)
        source, node = through, graph.producer(through)
    shape = graph.static_shape(source)
    if node is None or shape is None or len(shape) < 3:
        return None
    places: IntArray = np.arange(int(np.prod(shape))).reshape(shape)
    for step in reversed(chain):
        moved = _moved(graph, step, places)
        if moved is None:
            return None
        places = moved
    if places.ndim != 2 or places.shape[0] != shape[0]:
        return None
    # Every sample is flattened alike: the first one tells.
    return Flattening(shape[1:], places[0])


def _same_elements(graph: Graph, node: Node) -> str | None:
    """The input whose elements the node passes on, changed or not."""
    if node.op_type in LAYOUT | TRANSPARENT:
        return node.input(0)
    shape = graph.static_shape(node.key)
    if shape is None:
        return None
    return next((k for k in node.inputs if graph.static_shape(k) == shape), None)


def _moved(graph: Graph, node: Node, places: IntArray) -> IntArray | None:
    if node.op_type == "Transpose":
        return places.transpose(node.ints("perm", range(places.ndim)[::-1]))
    shape = graph.static_shape(node.key)
    if shape is None or int(np.prod(shape)) != places.size:
        return None
    return places.reshape(shape)
