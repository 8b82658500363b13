"""Nodes of a segment that stand for each other, also under other operators' names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.graphs.model import Node


def twins(case: Case, *ops: str) -> Iterator[tuple[Node, Node]]:
    """(reference, candidate) nodes of these operators.

    Layers with weights are paired by their weights; the rest in order where both sides
    have as many, and otherwise by operator alone.
    """
    mine = list(case.nodes_of("reference", *ops))
    other = list(case.nodes_of("candidate", *ops))
    by_key = {n.key: n for n in mine}, {n.key: n for n in other}
    for pair in case.layers:
        ours, theirs = pair.reference.node, pair.candidate.node
        if ours.key in by_key[0] and theirs.key in by_key[1]:
            mine.remove(by_key[0][ours.key])
            other.remove(by_key[1][theirs.key])
            yield ours, theirs
    if len(mine) == len(other):
        yield from zip(mine, other, strict=True)
        return
    for ours, theirs in case.pairs_of(*ops):
        if ours in mine and theirs in other:
            yield ours, theirs
