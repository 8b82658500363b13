"""Axes of softmax and of reductions, scale and mask of attention."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift.faults import Fault, Site, mutator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from benchmarks.drift.data import Array
    from benchmarks.drift.editor import Editor


@mutator("softmax.axis")
def softmax(graph: Editor) -> Iterator[Site]:
    """Softmax over another axis than the last."""
    for node in graph.of("Softmax", "LogSoftmax"):
        rank = len(graph.shape(node.input[0]) or graph.shape(node.output[0]))
        for axis in range(1, rank - 1):
            yield partial(_set_axis, graph, node, axis)


@mutator("reduce.axis")
def reduction(graph: Editor) -> Iterator[Site]:
    """A mean over the neighbouring axis, of the same length."""
    for node in graph.of("ReduceMean", "ReduceSum"):
        if len(axes := _axes(graph, node)) != 1:
            continue
        shape = graph.shape(node.input[0])
        axis = axes[0] % max(len(shape), 1)
        for other in (axis - 1, axis + 1):
            if 1 <= other < len(shape) and shape[other] == shape[axis]:
                yield partial(_set_axes, graph, node, other)


@mutator("attention.scale")
def scale(graph: Editor) -> Iterator[Site]:
    """Scores divided by another number."""
    for node in graph.of("Div", "Mul"):
        found = graph.constant_input(node)
        # On two axes it would be the temperature of the last layer.
        deep = len(graph.shape(node.output[0])) > 2
        if deep and found and found[1].size == 1 and _leads_to_softmax(graph, node):
            factor = np.asarray(found[1] * 2, found[1].dtype)
            yield partial(_rescale, graph, node, found[0], factor)


@mutator("attention.mask")
def mask(graph: Editor) -> Iterator[Site]:
    """Padding tokens are but weakly hidden, or not at all."""
    for node in graph.of("Where"):
        for place in (1, 2):
            value = graph.constant(node.input[place])
            if value is not None and value.size == 1 and value.max() < -1e3:
                for weak in (-1.0, 0.0):
                    yield partial(_weaken, graph, node, place, weak)


def _set_axis(graph: Editor, node: onnx.NodeProto, axis: int) -> Fault:
    old = graph.attribute(node, "axis", -1)
    graph.set_attribute(node, "axis", axis)
    return Fault((node.name,), f"axis {old} -> {axis}")


def _axes(graph: Editor, node: onnx.NodeProto) -> list[int]:
    if len(node.input) > 1:
        known = graph.constant(node.input[1])
        return [] if known is None else known.tolist()
    return list(graph.attribute(node, "axes", []))


def _set_axes(graph: Editor, node: onnx.NodeProto, axis: int) -> Fault:
    old = _axes(graph, node)
    if len(node.input) > 1:
        graph.set_constant(node, 1, np.array([axis], np.int64))
    else:
        graph.set_attribute(node, "axes", [axis])
    return Fault((node.name,), f"axes {old} -> {axis}")


def _leads_to_softmax(graph: Editor, node: onnx.NodeProto) -> bool:
    for _ in range(3):
        reader = graph.sole_reader(node.output[0])
        if reader is None:
            return False
        if reader.op_type == "Softmax":
            return True
        node = reader
    return False


def _rescale(graph: Editor, node: onnx.NodeProto, place: int, factor: Array) -> Fault:
    graph.set_constant(node, place, factor)
    return Fault((node.name,), f"{node.op_type} by {factor}")


def _weaken(graph: Editor, node: onnx.NodeProto, place: int, weak: float) -> Fault:
    old = graph.constant(node.input[place])
    assert old is not None  # it was looked at before
    graph.set_constant(node, place, np.full(old.shape, weak, old.dtype))
    return Fault((node.name,), f"mask value {old} -> {weak}")
