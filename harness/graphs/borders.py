"""What a sliding window meets beyond the border of its input.

Zeros of a convolution, nothing for a max pooling (-inf), elements that a mean counts
or leaves out, and whatever a Pad node in front fills with.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from harness.graphs.padding import padding_of
from harness.graphs.ranges import never_negative
from harness.graphs.semantics import grown, own_window
from harness.graphs.walk import data_producer

if TYPE_CHECKING:
    from harness.graphs.model import Graph, Node
    from harness.graphs.padding import Padding
    from harness.graphs.semantics import Window

# A mean over fewer elements: those beyond the border do not count.
LEFT_OUT = ("left out", 0.0)
ZERO = ("constant", 0.0)
NOTHING = ("constant", -inf)
# The least number of float16; a runtime's stand-in for -inf is at most that.
_LEAST = -6e4


@dataclass(frozen=True, slots=True, eq=False)
class Border:
    """A window, and what lies beyond the border.

    Attributes:
        own: The node's own window, without the Pad in front.
        window: With it.
        fills: (mode, value) of all that a window meets there.
        padding: What the Pad in front adds to the axes of the node's input.
        pad: That node.
        moved: Whether a Transpose stands between Pad and node.
    """

    own: Window
    window: Window
    fills: frozenset[tuple[str, float]]
    padding: Padding | None = None
    pad: Node | None = None
    moved: bool = False


def border_of(graph: Graph, node: Node) -> Border | None:
    """The border of a convolution or pooling node; None where it is unknown."""
    own = own_window(graph, node)
    if own is None:
        return None
    fills = _own_fills(node, own)
    pad, padding, moved = _in_front(graph, node, len(own.axes) + 2)
    if pad is None or padding is None:
        return Border(own, own, _told_apart(graph, node, fills))
    if any(map(any, padding.amounts[2:])):
        fills.add(padding.fill)
    window = grown(own.axes, padding.amounts[2:], pad)
    kept = _told_apart(graph, node, fills)
    return Border(own, window, kept, padding, pad, moved)


def _own_fills(node: Node, own: Window) -> set[tuple[str, float]]:
    asked = any(
        axis.begin > 0 or _reached(axis.used_end, axis.end) for axis in own.axes
    )
    beyond = any((axis.used_end or 0) > axis.end for axis in own.axes)
    if "AveragePool" not in node.op_type:
        fill = NOTHING if node.op_type == "MaxPool" else ZERO
        return {fill} if asked or beyond else set()
    counted = bool(node.attributes.get("count_include_pad", 0))
    fills = {ZERO if counted else LEFT_OUT} if asked else set()
    return fills | {LEFT_OUT} if beyond else fills


def _reached(used: int | None, end: int) -> bool:
    return min(end, end if used is None else used) > 0


def _told_apart(
    graph: Graph, node: Node, fills: set[tuple[str, float]]
) -> frozenset[tuple[str, float]]:
    """A maximum takes nothing from what is below all that it sees."""
    if node.op_type != "MaxPool":
        return frozenset(fills)
    least = 0.0 if never_negative(graph, node.input(0)) else _LEAST
    return frozenset(
        NOTHING if mode == "constant" and value <= least else (mode, value)
        for mode, value in fills
    )


def _in_front(
    graph: Graph, node: Node, rank: int
) -> tuple[Node | None, Padding | None, bool]:
    """A Pad that only grows spatial axes, also through one Transpose."""
    pad, order = data_producer(graph, node.input(0)), tuple(range(rank))
    moved = pad is not None and pad.op_type == "Transpose"
    if pad is not None and moved:
        order = pad.ints("perm", order[::-1])
        pad = data_producer(graph, pad.input(0))
    if pad is None or pad.op_type != "Pad" or len(order) != rank:
        return None, None, False
    found = padding_of(graph, pad, rank)
    if found is None or min(map(min, found.amounts)) < 0:
        return None, None, False
    amounts = tuple(found.amounts[axis] for axis in order)
    if any(map(any, amounts[:2])):
        return None, None, False
    return pad, type(found)(amounts, found.mode, found.value), moved
