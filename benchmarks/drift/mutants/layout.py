"""Orders: of axes, of channels, of flattened elements, of what is concatenated."""

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


@mutator("layout.permutation")
def flatten(graph: Editor) -> Iterator[Site]:
    """Flattened with the channels last instead of first, or the reverse."""
    for node in graph.of("Flatten", "Reshape"):
        shape = graph.shape(node.input[0])
        flat = len(graph.shape(node.output[0])) == 2
        if flat and len(shape) in (3, 4) and all(n != 1 for n in shape[1:]):
            yield partial(_permute_before, graph, node, len(shape))


@mutator("layout.permutation/transpose")
def transpose(graph: Editor) -> Iterator[Site]:
    """A transpose exchanges two axes of one length."""
    for node in graph.of("Transpose"):
        perm = list(graph.attribute(node, "perm", []))
        shape = graph.shape(node.input[0])
        for i in range(1, len(perm)):
            for j in range(i):
                if shape and j and shape[perm[i]] == shape[perm[j]] != 1:
                    yield partial(_swap_axes, graph, node, perm, (i, j))


@mutator("layout.permutation/reshape")
def reshape(graph: Editor) -> Iterator[Site]:
    """A transpose turns into a reshape to the same shape."""
    for node in graph.of("Transpose"):
        shape = graph.shape(node.output[0])
        if shape and all(isinstance(n, int) for n in shape[1:]):
            yield partial(_to_reshape, graph, node, [n or 0 for n in shape])


@mutator("layout.channel_order", "preprocess.channel_order")
def channel_order(graph: Editor) -> Iterator[Site]:
    """The first convolution takes its colours in the reverse order."""
    for node in graph.of("Conv"):
        weight = graph.constant(node.input[1])
        if weight is not None and weight.ndim == 4 and weight.shape[1] == 3:
            yield partial(_reverse_channels, graph, node, weight)
            return


@mutator("layout.depth_to_space_mode")
def depth_to_space(graph: Editor) -> Iterator[Site]:
    """Depth first or column first."""
    for node in graph.of("DepthToSpace"):
        old = graph.attribute(node, "mode", "DCR")
        yield partial(_set_mode, graph, node, "CRD" if old == "DCR" else "DCR")


@mutator("layout.concat_order")
def concat(graph: Editor) -> Iterator[Site]:
    """Two of what is concatenated change places."""
    for node in graph.of("Concat"):
        floating = len(graph.shape(node.output[0])) > 1
        if floating and node.input[0] != node.input[-1]:
            yield partial(_swap_inputs, node)


def _takers(graph: Editor, node: onnx.NodeProto) -> tuple[str, ...]:
    """The layers that take what is in a wrong order: as right a place to mend it."""
    for _ in range(3):
        reader = graph.sole_reader(node.output[0])
        if reader is None or reader.op_type not in ("Reshape", "Transpose", "Flatten"):
            break
        node = reader
    return tuple(reader.name for reader in graph.readers.get(node.output[0], ()))


def _permute_before(graph: Editor, node: onnx.NodeProto, rank: int) -> Fault:
    perm = [0, *range(2, rank), 1]
    made = graph.insert(node, "Transpose", [node.input[0]], perm=perm)
    if node.op_type == "Reshape":
        width = graph.shape(node.output[0])[1]
        graph.set_constant(node, 1, np.array([-1, width or -1], np.int64))
    graph.feed(node, 0, made.output[0])
    names = (node.name, made.name, *_takers(graph, node))
    return Fault(names, f"flattened in the order {perm}")


def _swap_axes(
    graph: Editor, node: onnx.NodeProto, perm: list[int], places: tuple[int, int]
) -> Fault:
    new = list(perm)
    i, j = places
    new[i], new[j] = new[j], new[i]
    graph.set_attribute(node, "perm", new)
    return Fault((node.name, *_takers(graph, node)), f"perm {perm} -> {new}")


def _to_reshape(graph: Editor, node: onnx.NodeProto, shape: list[int]) -> Fault:
    target = graph.add_constant(np.array([-1, *shape[1:]], np.int64), "shape")
    node.op_type = "Reshape"
    del node.attribute[:]
    node.input.append(target)
    return Fault((node.name, *_takers(graph, node)), "Transpose -> Reshape")


def _reverse_channels(graph: Editor, node: onnx.NodeProto, weight: Array) -> Fault:
    graph.set_constant(node, 1, weight[:, ::-1])
    inputs = tuple(entry.name for entry in graph.model.graph.input)
    return Fault((node.name,), "first kernel's input channels reversed", inputs)


def _set_mode(graph: Editor, node: onnx.NodeProto, mode: str) -> Fault:
    graph.set_attribute(node, "mode", mode)
    return Fault((node.name,), f"mode -> {mode}")


def _swap_inputs(node: onnx.NodeProto) -> Fault:
    first, last = node.input[0], node.input[-1]
    node.input[0], node.input[len(node.input) - 1] = last, first
    return Fault((node.name,), f"{first} and {last} changed places")
