"""Attributes and constants in which paired nodes differ, for probes of one each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.edits import set_attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Suspect
    from harness.graphs.model import Graph, Node

_CLOSE = 1e-6
_LISTED = 6
_FORWARD = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "Where", "Clip", "Cast", "Identity", "Reshape"),
        *("Transpose", "Dropout", "Max", "Min", "QuantizeLinear", "DequantizeLinear"),
        "MatMul",
    }
)
_FAR = 6


@dataclass(frozen=True, eq=False)
class OtherConstant:
    """A constant that a pair of nodes reads otherwise.

    Attributes:
        nodes: (reference, candidate).
        index: Of the candidate's input.
        mine: The reference's, in the candidate's shape and type.
        other: The candidate's.
    """

    nodes: tuple[Node, Node]
    index: int
    mine: Array
    other: Array

    @property
    def texts(self) -> tuple[str, str]:
        """Both in words."""
        return shown(self.mine), shown(self.other)


def other_attributes(
    case: Case, cause: Cause, name: str, *ops: str
) -> Iterator[Suspect]:
    """A suspect for each pair of these operators whose attribute differs."""
    for nodes in case.pairs_of(*ops):
        mine, other = case.settings(nodes, name)
        if mine is None or other is None or mine == other:
            continue
        theirs = nodes[1]
        said = say(
            f"{theirs.op_type} '{theirs.label}' has {name} {other}; the reference has "
            f"{mine}",
            f"{name} {mine}",
            f"{name} {other}",
        )
        change = set_attribute(theirs.key, name, mine)
        edit = f"set {name} of '{theirs.label}' to {mine}", change
        group = (theirs.op_type, name, mine, other)
        yield case.suspect(cause, nodes, said, edit, group=group)


def other_constants(case: Case, *ops: str) -> Iterator[OtherConstant]:
    """Constants of paired nodes that differ by more than rounding."""
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in case.pairs_of(*ops):
        mine, other = fixed(case.reference, nodes[0]), fixed(case.candidate, nodes[1])
        if len(mine) != len(other):
            continue
        for a, b in zip(sorted(mine), sorted(other), strict=True):
            first, second = mine[a], other[b]
            if first.size == second.size and not alike(first, second):
                wanted = first.reshape(second.shape).astype(second.dtype)
                yield OtherConstant(nodes, b, wanted, second)


def fixed(graph: Graph, node: Node) -> dict[int, Array]:
    """Inputs of numbers that the file fixes, by their index."""
    found = {i: graph.constant(name) for i, name in enumerate(node.inputs) if name}
    return {i: a for i, a in found.items() if a is not None and a.dtype.kind in "fiu"}


def alike(mine: Array, other: Array) -> bool:
    """Whether rounding explains how two constants of one size differ."""
    first, second = mine.ravel().astype(np.float64), other.ravel().astype(np.float64)
    close = np.abs(first - second) <= _CLOSE * np.maximum(np.abs(first), 1e-30)
    return bool((close | (first == second)).all())


def shown(array: Array) -> str:
    """A constant in a sentence: its numbers where they are few."""
    numbers = [f"{float(x):g}" for x in array.ravel()[:_LISTED]]
    if array.size == 1:
        return numbers[0]
    more = ", ..." if array.size > _LISTED else ""
    return "(" + ", ".join(numbers) + more + ")"


def leads_to(graph: Graph, node: Node, op_type: str, *, through: bool = False) -> bool:
    """Whether a node's value soon reaches an operator, by arithmetic alone.

    Args:
        graph: The whole graph.
        node: Where to start.
        op_type: The operator.
        through: Whether matrix products may lie between.
    """
    frontier = [node]
    for _ in range(_FAR):
        after = [n for item in frontier for n in graph.consumers(item.key)]
        if any(n.op_type == op_type for n in after):
            return True
        frontier = [
            n
            for n in after
            if n.op_type in _FORWARD and (through or n.op_type != "MatMul")
        ]
    return False
