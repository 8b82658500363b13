"""Pad nodes: how much they add to each axis, and what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.graphs.model import Graph, Node


@dataclass(frozen=True, slots=True)
class Padding:
    """What a Pad node adds.

    Attributes:
        amounts: (begin, end) for each axis; negative where it crops.
        mode: constant, reflect, edge or wrap.
        value: What ``constant`` fills with; 0 in other modes.
    """

    amounts: tuple[tuple[int, int], ...]
    mode: str = "constant"
    value: float = 0.0

    @property
    def fill(self) -> tuple[str, float]:
        """Mode and value."""
        return self.mode, self.value


def padding_of(graph: Graph, pad: Node, rank: int) -> Padding | None:
    """What a Pad node adds to `rank` axes; None where the file does not fix it."""
    given = _ints(graph, pad, 1)
    pads = pad.ints("pads", ()) if given is None else given
    axes = _ints(graph, pad, 3) or tuple(range(rank))
    mode = str(pad.attributes.get("mode", "constant"))
    value = _value(graph, pad) if mode == "constant" else 0.0
    if value is None or not pads or len(pads) != 2 * len(axes):
        return None
    amounts = [(0, 0)] * rank
    for axis, begin, end in zip(axes, pads, pads[len(axes) :], strict=False):
        amounts[axis % rank] = (begin, end)
    return Padding(tuple(amounts), mode, value)


def zero_padding(graph: Graph, pad: Node, rank: int) -> list[tuple[int, int]] | None:
    """(begin, end) that a Pad node adds to each of `rank` axes.

    Returns:
        None where it pads with something else than zeros, crops, or its amounts are
        not fixed in the file.
    """
    found = padding_of(graph, pad, rank)
    if found is None or found.fill != ("constant", 0.0):
        return None
    return list(found.amounts) if min(map(min, found.amounts)) >= 0 else None


def _value(graph: Graph, pad: Node) -> float | None:
    if not pad.input(2):
        return float(pad.attributes.get("value", 0.0))
    value = graph.constant(pad.input(2))
    return None if value is None or value.size != 1 else float(value.ravel()[0])


def _ints(graph: Graph, node: Node, index: int) -> tuple[int, ...] | None:
    array = graph.constant(node.input(index))
    return None if array is None else tuple(int(item) for item in array.ravel())
