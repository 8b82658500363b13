"""Epsilons where a file keeps them: attributes, and constants before a root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.edits import set_attribute, set_constant
from harness.graphs.settings import settings_of
from harness.graphs.walk import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.diagnose.edits import Change
    from harness.graphs.model import Graph, Node

_NORMS = frozenset(
    {
        *("InstanceNormalization", "LayerNormalization", "GroupNormalization"),
        *("RMSNormalization", "SimplifiedLayerNormalization"),
        *("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"),
    }
)
_ROOTS = frozenset({"Sqrt", "Pow", "Rsqrt"})
_LENGTHS = frozenset({"ReduceL2", "Sqrt", "ReduceSumSquare", "ReduceSum"})
_DEFAULT = 1e-5
# More is no epsilon but a number that is added.
_LARGEST = 0.2


@dataclass(frozen=True, eq=False)
class PlacedEpsilon:
    """An epsilon.

    Attributes:
        node: The node that has it.
        index: Of the constant input; None for the attribute.
        value: The number.
        dtype: Of the constant.
        shape: Of the constant.
    """

    node: Node
    index: int | None
    value: float
    dtype: np.dtype[np.generic]
    shape: tuple[int, ...] = ()

    def set_to(self, value: float) -> Change:
        """An edit that gives it another value."""
        if self.index is None:
            return set_attribute(self.node.key, "epsilon", value)
        array = np.full(self.shape, value, self.dtype)
        return set_constant(self.node.key, self.index, array)


def epsilons(graph: Graph, nodes: Sequence[Node]) -> Iterator[PlacedEpsilon]:
    """Epsilons of normalizations over each sample, however they are written."""
    for node in nodes:
        if node.op_type in _NORMS:
            given = settings_of(graph, node).get("epsilon", _DEFAULT)
            yield PlacedEpsilon(node, None, float(str(given)), np.dtype(np.float32))
        elif (index := _index(graph, node)) is not None:
            array = graph.constant(node.input(index))
            assert array is not None
            value = float(array.ravel()[0])
            yield PlacedEpsilon(node, index, value, array.dtype, array.shape)


def _index(graph: Graph, node: Node) -> int | None:
    """Which input of a written-out normalization is its epsilon."""
    if node.op_type == "Add" and not _reaches(graph, node, _ROOTS):
        return None
    if node.op_type in {"Max", "Clip"} and not _is_length(graph, node):
        return None
    if node.op_type not in {"Add", "Max", "Clip"}:
        return None
    for index, name in enumerate(node.inputs[:2]):
        array = graph.constant(name) if name else None
        if array is not None and array.size == 1 and array.dtype.kind == "f":
            return index if 0 < float(array.ravel()[0]) < _LARGEST else None
    return None


def _reaches(graph: Graph, node: Node, ops: frozenset[str]) -> bool:
    after = graph.consumers(node.key)
    while len(after) == 1 and after[0].op_type in EXACT:
        after = graph.consumers(after[0].key)
    return any(n.op_type in ops for n in after)


def _is_length(graph: Graph, node: Node) -> bool:
    makers = (graph.producer(k) for k in node.inputs if k)
    divides = _reaches(graph, node, frozenset({"Div", "Expand", "Reciprocal"}))
    return divides and any(n is not None and n.op_type in _LENGTHS for n in makers)
