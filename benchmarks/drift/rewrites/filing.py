"""The same graph filed otherwise: names, order, batch, opset, dead weight."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import version_converter

from benchmarks.drift.rewrites.registry import Rewritten, rewriting

if TYPE_CHECKING:
    from benchmarks.drift.editor import Editor


@rewriting("renamed")
def renamed(graph: Editor) -> Rewritten:
    """Every node and every value but inputs and outputs has another name."""
    model = graph.model
    kept = {entry.name for entry in (*model.graph.input, *model.graph.output)}
    names: dict[str, str] = {}
    for tensor in model.graph.initializer:
        if tensor.name not in kept:
            names[tensor.name] = tensor.name = f"w{len(names)}"
    for node in model.graph.node:
        for value in node.output:
            if value and value not in kept:
                names[value] = f"v{len(names)}"
    for index, node in enumerate(model.graph.node):
        node.input[:] = [names.get(value, value) for value in node.input]
        node.output[:] = [names.get(value, value) for value in node.output]
        names[node.name] = node.name = f"n{index}"
    del model.graph.value_info[:]
    return Rewritten(model, names)


@rewriting("reordered")
def reordered(graph: Editor) -> int:
    """Nodes in another topological order, initializers from the last to the first."""
    model = graph.model.graph
    rng = np.random.default_rng(3)
    rank = {node.name: float(rng.random()) for node in model.node}
    made = {out: node for node in model.node for out in node.output}
    waits = {
        node.name: {made[name].name for name in node.input if name in made}
        for node in model.node
    }
    by_name = {node.name: node for node in model.node}
    ready = [(rank[name], name) for name, needs in waits.items() if not needs]
    heapq.heapify(ready)
    placed: list[onnx.NodeProto] = []
    while ready:
        _, name = heapq.heappop(ready)
        placed.append(by_name[name])
        for other, needs in waits.items():
            if name in needs:
                needs.discard(name)
                if not needs:
                    heapq.heappush(ready, (rank[other], other))
    _reorder(model, placed)
    return 1


def _reorder(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    del graph.node[:]
    graph.node.extend(copies)
    tensors = list(graph.initializer)[::-1]
    kept = [
        onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in tensors
    ]
    del graph.initializer[:]
    graph.initializer.extend(kept)


@rewriting("fixed_batch")
def fixed_batch(graph: Editor) -> int:
    """The batch has the number of samples instead of a name."""
    n_fixed = 0
    for entry in graph.model.graph.input:
        dims = entry.type.tensor_type.shape.dim
        if entry.name in graph.samples and not dims[0].dim_value:
            dims[0].dim_value = len(graph.samples[entry.name])
            n_fixed += 1
    for entry in graph.model.graph.output:
        entry.type.tensor_type.ClearField("shape")
    return n_fixed


@rewriting("newer_opset")
def newer_opset(graph: Editor) -> Rewritten | int:
    """Converted to the next opsets by onnx's own converter."""
    target = 21 if graph.opset < 21 else graph.opset + 1
    try:
        return Rewritten(version_converter.convert_version(graph.model, target))
    except (RuntimeError, ValueError):
        # The converter lacks an adapter for some operator of this file.
        return 0


@rewriting("dead_weight")
def dead_weight(graph: Editor) -> int:
    """Weights and nodes that nothing reads."""
    unused = graph.add_constant(np.arange(12, dtype=np.float32), "unused")
    first = graph.model.graph.node[0]
    graph.insert(first, "Relu", [unused])
    return 1
