"""Pad nodes: how much they add, where they add nothing but zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.graphs.model import Graph, Node


def zero_padding(graph: Graph, pad: Node, rank: int) -> list[tuple[int, int]] | None:
    """(begin, end) that a Pad node adds to each of `rank` axes.

    Returns:
        None where it pads with something else than zeros, crops, or its amounts are
        not fixed in the file.
    """
    if pad.attributes.get("mode", "constant") != "constant" or not _zero(graph, pad):
        return None
    given = _ints(graph, pad, 1)
    pads = pad.ints("pads", ()) if given is None else given
    axes = _ints(graph, pad, 3) or tuple(range(rank))
    if len(pads) != 2 * len(axes) or min(pads) < 0:
        return None
    amounts = [(0, 0)] * rank
    for axis, begin, end in zip(axes, pads, pads[len(axes) :], strict=False):
        amounts[axis % rank] = (begin, end)
    return amounts


def _zero(graph: Graph, pad: Node) -> bool:
    if not pad.input(2):
        return not pad.attributes.get("value", 0.0)
    value = graph.constant(pad.input(2))
    return value is not None and not value.any()


def _ints(graph: Graph, node: Node, index: int) -> tuple[int, ...] | None:
    array = graph.constant(node.input(index))
    return None if array is None else tuple(int(item) for item in array.ravel())
