"""Epsilons, statistics of the wrong samples, response normalisation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift.faults import Fault, Site, mutator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from benchmarks.drift.editor import Editor

_NORMS = ("BatchNormalization", "LayerNormalization", "InstanceNormalization")


@mutator("norm.epsilon")
def epsilon(graph: Editor) -> Iterator[Site]:
    """Keras' 1e-3 against PyTorch's 1e-5."""
    for node in graph.of(*_NORMS):
        old = graph.attribute(node, "epsilon", 1e-5)
        yield partial(_set, graph, node, "epsilon", 1e-5 if old > 1e-4 else 1e-3)


@mutator("norm.epsilon/written_out")
def epsilon_written_out(graph: Editor) -> Iterator[Site]:
    """The small constant before a square root."""
    for root in graph.of("Sqrt"):
        add = graph.producers.get(root.input[0])
        found = graph.constant_input(add) if add and add.op_type == "Add" else None
        if add and found and found[1].size == 1 and 0 < found[1].max() < 0.01:
            yield partial(_set_constant, graph, add, found[0], 1e-3)


@mutator("norm.training_mode")
def training_mode(graph: Editor) -> Iterator[Site]:
    """Statistics of the batch that happens to come, instead of the trained ones."""
    for node in graph.of("BatchNormalization"):
        if graph.shape(node.input[0]):
            yield partial(_batch_statistics, graph, node)


@mutator("norm.training_mode/instance")
def instance_statistics(graph: Editor) -> Iterator[Site]:
    """Statistics of each sample, as where tracking was off when exported."""
    for node in graph.of("BatchNormalization"):
        if len(graph.shape(node.input[0])) > 2:
            yield partial(_to_instance, graph, node)


@mutator("lrn.alpha")
def response(graph: Editor) -> Iterator[Site]:
    """Alpha divided by the size once more or once less."""
    for node in graph.of("LRN"):
        size = graph.attribute(node, "size")
        alpha = graph.attribute(node, "alpha", 1e-4)
        yield partial(_set, graph, node, "alpha", alpha / size)
        yield partial(_set, graph, node, "alpha", alpha * size)


def _set(graph: Editor, node: onnx.NodeProto, key: str, value: float) -> Fault:
    old = graph.attribute(node, key)
    graph.set_attribute(node, key, value)
    return Fault((node.name,), f"{key} {old} -> {value:g}")


def _set_constant(
    graph: Editor, node: onnx.NodeProto, place: int, value: float
) -> Fault:
    shape = graph.shape(node.input[place])
    graph.set_constant(node, place, np.full(tuple(map(int, shape)), value, np.float32))
    return Fault((node.name,), f"epsilon -> {value:g}")


def _batch_statistics(graph: Editor, node: onnx.NodeProto) -> Fault:
    """Written out, as exporters do: inference runtimes have no training kernels."""
    x, gain, offset = node.input[:3]
    rank = len(graph.shape(x))
    axes = [axis for axis in range(rank) if axis != 1]
    column = graph.add_constant(
        np.array([1, -1] + [1] * (rank - 2), np.int64), "column"
    )
    eps = graph.add_constant(
        np.array(graph.attribute(node, "epsilon", 1e-5), np.float32), "epsilon"
    )
    names: list[str] = []

    def then(op_type: str, *inputs: str, **attributes: object) -> str:
        made = graph.insert(node, op_type, list(inputs), **attributes)
        names.append(made.name)
        return str(made.output[0])

    def mean(value: str) -> str:
        if graph.opset < 18:
            return then("ReduceMean", value, axes=axes, keepdims=1)
        named = graph.add_constant(np.array(axes, np.int64), "axes")
        return then("ReduceMean", value, named, keepdims=1)

    centred = then("Sub", x, mean(x))
    spread = then("Sqrt", then("Add", mean(then("Mul", centred, centred)), eps))
    scaled = then("Mul", then("Div", centred, spread), then("Reshape", gain, column))
    shifted = then("Add", scaled, then("Reshape", offset, column))
    return _replace(graph, node, shifted, tuple(names), "statistics of the batch")


def _to_instance(graph: Editor, node: onnx.NodeProto) -> Fault:
    eps = graph.attribute(node, "epsilon", 1e-5)
    made = graph.insert(
        node, "InstanceNormalization", list(node.input[:3]), epsilon=eps
    )
    return _replace(
        graph, node, made.output[0], (made.name,), "statistics of each sample"
    )


def _replace(
    graph: Editor,
    node: onnx.NodeProto,
    value: str,
    names: tuple[str, ...],
    edit: str,
) -> Fault:
    """Let `value` bear the name of the node's output, and drop the node."""
    last = graph.producers[value]
    output = node.output[0]
    graph.remove(node)
    last.output[0] = output
    return Fault(names, edit)
