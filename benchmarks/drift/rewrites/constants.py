"""The same weights stored or scaled otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper

from benchmarks.drift.rewrites.registry import rewriting

if TYPE_CHECKING:
    from benchmarks.drift.data import Array
    from benchmarks.drift.editor import Editor


@rewriting("constant_nodes")
def constant_nodes(graph: Editor) -> int:
    """Weights sit in Constant nodes."""
    model = graph.model.graph
    nodes = [
        helper.make_node("Constant", [], [t.name], name=f"const_{t.name}", value=t)
        for t in model.initializer
    ]
    inputs = {entry.name for entry in model.input}
    if not nodes or inputs & {tensor.name for tensor in model.initializer}:
        return 0
    del model.initializer[:]
    kept = [onnx.NodeProto.FromString(n.SerializeToString()) for n in model.node]
    del model.node[:]
    model.node.extend([*nodes, *kept])
    return len(nodes)


@rewriting("weights_behind_transpose")
def behind_transpose(graph: Editor) -> int:
    """Kernels are stored transposed, and turned when the file runs."""
    n_turned = 0
    for node, weight in _weights(graph):
        perm = list(range(weight.ndim))[::-1]
        stored = graph.add_constant(weight.transpose(perm), "stored")
        made = graph.insert(node, "Transpose", [stored], perm=perm)
        graph.feed(node, 1, made.output[0])
        n_turned += 1
    return n_turned


@rewriting("weights_behind_product")
def behind_product(graph: Editor) -> int:
    """Kernels are stored as quarters, and multiplied by four."""
    n_scaled = 0
    for node, weight in _weights(graph):
        stored = graph.add_constant(weight / np.float32(4), "stored")
        four = graph.add_constant(np.array(4, np.float32), "four")
        made = graph.insert(node, "Mul", [stored, four])
        graph.feed(node, 1, made.output[0])
        n_scaled += 1
    return n_scaled


@rewriting("hidden_permuted")
def hidden_permuted(graph: Editor) -> int:
    """Hidden channels in another order, undone by the next layer's weights."""

    def change(n: int) -> tuple[Array, Array]:
        order = np.random.default_rng(4).permutation(n)
        return order, np.ones(n, np.float32)

    return _rewire_hidden(graph, change, ("Relu", "Clip", "Sigmoid", "Tanh", "Elu"))


@rewriting("rescaled_across_relu")
def rescaled(graph: Editor) -> int:
    """Twice the weights before a ReLU, half after it."""

    def change(n: int) -> tuple[Array, Array]:
        return np.arange(n), np.full(n, 2, np.float32)

    return _rewire_hidden(graph, change, ("Relu", "LeakyRelu"))


def _weights(graph: Editor) -> list[tuple[onnx.NodeProto, Array]]:
    found = []
    for node in graph.of("Conv", "MatMul", "Gemm"):
        value = graph.constant(node.input[1])
        if value is not None and value.ndim > 1 and value.dtype == np.float32:
            found.append((node, value))
    return found[:6]


def _rewire_hidden(graph: Editor, change: object, between: tuple[str, ...]) -> int:
    assert callable(change)
    n_changed = 0
    for node, weight in _weights(graph):
        after = _next_layer(graph, node, between)
        if after is None or not _plain(graph, node, after):
            continue
        axis = _output_axis(graph, node)
        order, gain = change(weight.shape[axis])
        column = [1] * weight.ndim
        column[axis] = -1
        taken = weight.take(order, axis) * gain.reshape(column)
        graph.set_constant(node, 1, taken.astype(np.float32))
        if len(node.input) > 2:
            bias = graph.constant(node.input[2])
            assert bias is not None  # looked at before
            graph.set_constant(node, 2, bias[order] * gain)
        _undo(graph, after, order, gain)
        n_changed += 1
    return n_changed


def _undo(graph: Editor, node: onnx.NodeProto, order: Array, gain: Array) -> None:
    weight = graph.constant(node.input[1])
    assert weight is not None  # looked at before
    axis = 1 - _output_axis(graph, node)
    column = [1] * weight.ndim
    column[axis] = -1
    graph.set_constant(node, 1, weight.take(order, axis) / gain.reshape(column))


def _output_axis(graph: Editor, node: onnx.NodeProto) -> int:
    if node.op_type == "Gemm":
        return 0 if graph.attribute(node, "transB", 0) else 1
    return 0 if node.op_type == "Conv" else 1


def _next_layer(
    graph: Editor, node: onnx.NodeProto, between: tuple[str, ...]
) -> onnx.NodeProto | None:
    for _ in range(2):
        reader = graph.sole_reader(node.output[0])
        if reader is None:
            return None
        if reader.op_type in ("Conv", "Gemm", "MatMul"):
            return reader if reader.input[0] == node.output[0] else None
        if reader.op_type not in between:
            return None
        node = reader
    return None


def _plain(graph: Editor, node: onnx.NodeProto, after: onnx.NodeProto) -> bool:
    if {graph.attribute(n, "group", 1) for n in (node, after)} != {1}:
        return False
    weights = [graph.constant(n.input[1]) for n in (node, after)]
    biases = [graph.constant(name) for name in node.input[2:3]]
    known = all(value is not None for value in (*weights, *biases))
    return known and node.op_type == after.op_type
