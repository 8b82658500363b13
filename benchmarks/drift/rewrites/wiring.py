"""Nodes that cancel out, and operands in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from benchmarks.drift.rewrites.registry import rewriting

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from benchmarks.drift.editor import Editor


@rewriting("identities")
def identities(graph: Editor) -> int:
    """Identity and Dropout between layers."""
    n_added = 0
    for node in _spread(graph, 8):
        kind = ("Identity", "Dropout")[n_added % 2]
        _after(graph, node, [(kind, {})])
        n_added += 1
    return n_added


@rewriting("casts")
def casts(graph: Editor) -> int:
    """Casts to float32 of what is float32."""
    n_added = 0
    for node in _spread(graph, 8):
        _after(graph, node, [("Cast", {"to": 1})])
        n_added += 1
    return n_added


@rewriting("transposes")
def transposes(graph: Editor) -> int:
    """Transposed and transposed back."""
    n_added = 0
    for node in _spread(graph, 8):
        rank = len(graph.shape(node.output[0]))
        if rank > 2:
            perm = [0, *range(2, rank), 1]
            back = [int(i) for i in np.argsort(perm)]
            steps = [("Transpose", {"perm": perm}), ("Transpose", {"perm": back})]
            _after(graph, node, steps)
            n_added += 1
    return n_added


@rewriting("operands_swapped")
def operands_swapped(graph: Editor) -> int:
    """Sums and products with the last operand first."""
    n_swapped = 0
    for node in graph.of("Add", "Mul"):
        node.input[:] = list(node.input)[::-1]
        n_swapped += 1
    return n_swapped


@rewriting("transposed_product")
def transposed_product(graph: Editor) -> int:
    """Gemm with its matrix stored the other way round."""
    n_turned = 0
    for node in graph.of("Gemm"):
        weight = graph.constant(node.input[1])
        if weight is not None:
            graph.set_constant(node, 1, weight.T)
            turned = 1 - graph.attribute(node, "transB", 0)
            graph.set_attribute(node, "transB", turned)
            n_turned += 1
    return n_turned


def _spread(graph: Editor, n: int) -> Iterator[onnx.NodeProto]:
    """Up to n float nodes, spread over the file."""
    nodes = [
        node
        for node in graph.of("Relu", "Conv", "Add", "MatMul", "Gemm", "Mul", "Clip")
        if node.output[0] not in graph.outputs and graph.sole_reader(node.output[0])
        if graph.shape(node.output[0])
    ]
    floats = [node for node in nodes if not _counts(graph, node)]
    yield from floats[:: max(len(floats) // n, 1)][:n]


def _counts(graph: Editor, node: onnx.NodeProto) -> bool:
    """Whether a node computes with shapes, whose integers no float op may touch."""
    values = [graph.constant(name) for name in node.input]
    if any(value is not None and value.dtype.kind == "i" for value in values):
        return True
    return len(graph.shape(node.output[0])) < 2


def _after(
    graph: Editor, node: onnx.NodeProto, steps: list[tuple[str, dict[str, object]]]
) -> None:
    """Put nodes behind a node; its old output keeps its name, at the end."""
    output, inner = node.output[0], graph.fresh(node.output[0])
    node.output[0] = inner
    for index, (op_type, attributes) in enumerate(steps):
        last = index == len(steps) - 1
        name = graph.fresh(f"{node.name}_{op_type}")
        target = output if last else f"{name}_out"
        made = helper.make_node(op_type, [inner], [target], name=name, **attributes)
        graph.model.graph.node.insert(graph.place_of(node) + 1 + index, made)
        inner = target
