"""Nodes and layers inside a segment that stand for each other."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.differences import LayerPair
from harness.graphs.layers import Layer, read_layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.protocols import FloatArray
    from harness.graphs.model import Graph, Node


def pair_nodes(
    reference: Sequence[Node], candidate: Sequence[Node]
) -> tuple[tuple[Node, Node], ...]:
    """Nodes of one operator, in the order of both."""
    mine = [n.op_type for n in reference]
    other = [n.op_type for n in candidate]
    blocks = SequenceMatcher(None, mine, other, autojunk=False).get_matching_blocks()
    return tuple(
        (reference[b.a + i], candidate[b.b + i]) for b in blocks for i in range(b.size)
    )


def pair_layers(
    reference: Graph,
    candidate: Graph,
    ours: Sequence[Node],
    theirs: Sequence[Node],
) -> tuple[LayerPair, ...]:
    """Layers of two segments, the likest of each kind with each other."""
    mine = list(_layers(reference, ours))
    free = list(_layers(candidate, theirs))
    pairs = []
    for layer in mine:
        options = [other for other in free if comparable(layer, other)]
        if not options:
            continue
        best = max(options, key=lambda other: _likeness(layer, other))
        free.remove(best)
        pairs.append(LayerPair(layer, best))
    return tuple(pairs)


def comparable(mine: Layer, other: Layer) -> bool:
    """Whether two layers have parameters of the same shapes."""
    if mine.kind != other.kind:
        return False
    if mine.kernel is None or other.kernel is None:
        return mine.bias.size == other.bias.size
    return mine.kernel.values.shape == other.kernel.values.shape


def _layers(graph: Graph, nodes: Sequence[Node]) -> Iterator[Layer]:
    inside = {node.key for node in nodes}
    taken: set[str] = set()
    for node in nodes:
        if node.key in taken:
            continue
        layer = read_layer(graph, node, inside)
        if layer is not None:
            taken.update(step.node.key for step in layer.steps)
            yield layer


def _likeness(mine: Layer, other: Layer) -> float:
    first, second = _numbers(mine), _numbers(other)
    return float(first @ second) if first.size == second.size else -1.0


def _numbers(layer: Layer) -> FloatArray:
    if layer.kernel is not None:
        numbers = layer.kernel.values.ravel()
    else:
        _, gain, bias = layer.folded()
        numbers = np.concatenate([gain.values, bias.values])
    numbers = np.nan_to_num(numbers)
    return np.asarray(numbers / (np.linalg.norm(numbers) or 1.0))
