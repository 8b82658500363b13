"""Scales and zero points of quantizing and dequantizing nodes, paired and alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.edits import set_constant
from harness.diagnose.settings_apart import alike, other_constants

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.edits import Change
    from harness.graphs.model import Graph, Node

SCALE, ZERO = 1, 2
_OPS = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True, eq=False)
class OtherCode:
    """A scale or zero point that is not what it should be.

    Attributes:
        nodes: (reference, candidate); the reference's is None where the candidate
            contradicts itself.
        place: SCALE or ZERO.
        mine: What it should be.
        other: What it is.
    """

    nodes: tuple[Node | None, Node]
    place: int
    mine: Array
    other: Array


def other_codes(case: Case, place: int) -> Iterator[OtherCode]:
    """Scales or zero points that differ from the reference's, or from the writer's."""
    found: set[str] = set()
    for item in other_constants(case, *_OPS):
        if item.index == place:
            found.add(item.nodes[1].key)
            yield OtherCode(item.nodes, place, item.mine, item.other)
    for theirs in case.nodes_of("candidate", "DequantizeLinear"):
        if theirs.key in found:
            continue
        pair = _as_written(case, theirs, place)
        if pair is not None and not alike(*pair):
            yield OtherCode((None, theirs), place, *pair)


def _as_written(case: Case, node: Node, place: int) -> tuple[Array, Array] | None:
    graph = case.candidate
    assert graph is not None
    writer = graph.producer(node.input(0))
    if writer is None or writer.op_type != "QuantizeLinear":
        return None
    mine, other = constant_of(graph, writer, place), constant_of(graph, node, place)
    if mine is None or other is None or mine.size != other.size:
        return None
    return mine.reshape(other.shape), other


def constant_of(graph: Graph, node: Node, place: int) -> Array | None:
    """A scale or zero point; zero where none is named."""
    array = graph.constant(node.input(place)) if node.input(place) else None
    return np.zeros((), np.uint8) if array is None and place == ZERO else array


def set_codes(keys: Iterator[str] | list[str], place: int, array: Array) -> Change:
    """Set a scale or zero point at those nodes of a piece that it holds."""
    names = list(keys)

    def change(model: onnx.ModelProto) -> None:
        held = {name for node in model.graph.node for name in node.output}
        if not held & set(names):
            raise KeyError(names[0])
        for name in names:
            if name in held:
                set_constant(name, place, array)(model)

    return change


def code_readers(case: Case, node: Node) -> list[str]:
    """A quantizing node's key and those of the nodes that read its codes back."""
    graph = case.candidate
    assert graph is not None
    after = (n for n in graph.consumers(node.key) if n.op_type == "DequantizeLinear")
    return [node.key, *(n.key for n in after)]
