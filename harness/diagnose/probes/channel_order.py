"""LAY004: a layer is fed its channels in another order (RGB or BGR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import permute_input, remove_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray, IntArray
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.differences import LayerPair
    from harness.graphs.model import Graph, Node

CAUSE = Cause(
    code="LAY004",
    slug="layout.channel_order",
    line="a layer takes its input channels in another order: RGB or BGR",
    hint="reorder the input's channels or the first kernel's, not both",
    rank=25,
)
_CLOSE = 1e-3
# Cells of kernels that are compared with each other.
_MOST_CHANNELS = 4096


def look(case: Case) -> Iterator[Suspect]:
    """A kernel with permuted input channels, and a Gather that permutes them."""
    for pair in case.layers:
        order = _order(pair)
        if order is not None:
            yield _kernel(case, pair, order)
    ours = case.nodes_of("reference", "Gather")
    theirs = case.nodes_of("candidate", "Gather")
    for node in () if ours else theirs:
        if (order := _gathered(case.candidate, node)) is not None:
            yield _removed(case, node, order)
    for node in () if theirs else ours:
        if (order := _gathered(case.reference, node)) is not None:
            yield from _missing(case, node, order)


def _kernel(case: Case, pair: LayerPair, order: IntArray) -> Suspect:
    ours, theirs = pair.reference.node, pair.candidate.node
    told = _told(order)
    said = say(
        f"{theirs.op_type} '{theirs.label}' has its kernel's input channels {told} "
        "of the reference's",
        "channels as they are fed",
        f"channels {told}",
    )
    # Fed in the same order as the kernel has them, each meets its own weights.
    change = permute_input(theirs.key, 0, order, 1)
    edit = f"feed '{theirs.label}' its channels {told}", change
    return case.suspect(CAUSE, (ours, theirs), said, edit, group=None)


def _removed(case: Case, node: Node, order: IntArray) -> Suspect:
    said = say(
        f"Gather '{node.label}' puts channels {_told(order)}; the reference leaves "
        "them as they are",
        "channels as they are fed",
        f"channels {_told(order)}",
    )
    edit = f"leave channels as they are at '{node.label}'", remove_node(node.key)
    return case.suspect(CAUSE, (None, node), said, edit, group=None)


def _missing(case: Case, twin: Node, order: IntArray) -> Iterator[Suspect]:
    node = next(iter(case.nodes_of("candidate")), None)
    if node is None:
        return
    said = say(
        f"{node.op_type} '{node.label}' is fed channels as they are; the reference "
        f"puts them {_told(order)}",
        f"channels {_told(order)}",
        "channels as they are",
    )
    axis = int(twin.attributes.get("axis", 0))
    change = permute_input(node.key, 0, order, axis)
    edit = f"feed '{node.label}' its channels {_told(order)}", change
    yield case.suspect(CAUSE, (twin, node), said, edit, group=None)


def _order(pair: LayerPair) -> IntArray | None:
    """``order`` with the candidate's channel j being the reference's ``order[j]``."""
    mine, other = pair.reference.kernel, pair.candidate.kernel
    if mine is None or other is None or pair.candidate.kind != "conv":
        return None
    if pair.candidate.node.attributes.get("group", 1) != 1:
        return None
    first, second = _rows(mine.values), _rows(other.values)
    if first.shape != second.shape or not 1 < len(first) <= _MOST_CHANNELS:
        return None
    order = np.argmax(second @ first.T, axis=1)
    if np.array_equal(order, np.arange(len(order))):
        return None
    if len(set(order.tolist())) < len(order):
        return None
    return order if np.abs(first[order] - second).max() <= _CLOSE else None


def _rows(kernel: FloatArray) -> FloatArray:
    """Of each input channel all its weights, at length 1."""
    rows = np.moveaxis(kernel, 1, 0).reshape(kernel.shape[1], -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0))


def _gathered(graph: Graph | None, node: Node) -> IntArray | None:
    """The order that a Gather puts all of an axis in; None where it picks."""
    assert graph is not None
    indices = graph.constant(node.input(1))
    shape = graph.static_shape(node.input(0))
    if indices is None or indices.ndim != 1 or shape is None:
        return None
    length = shape[int(node.attributes.get("axis", 0))]
    order = np.asarray(indices, np.int64) % length
    whole = np.array_equal(np.sort(order), np.arange(length))
    return order if whole and not np.array_equal(order, np.arange(length)) else None


def _told(order: IntArray) -> str:
    if np.array_equal(order, np.arange(len(order))[::-1]):
        return "in reverse order"
    return "in the order " + ",".join(map(str, order[:8])) + ("..." * (len(order) > 8))


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"Conv", "QLinearConv", "Gather"})))
