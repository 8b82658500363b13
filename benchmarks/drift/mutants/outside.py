"""Before and after the network: preprocessing, and the order of outputs."""

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


@mutator("preprocess.affine")
def affine(graph: Editor) -> Iterator[Site]:
    """The input scaled and shifted another way."""
    for entry in graph.model.graph.input:
        samples = graph.samples.get(entry.name)
        if samples is not None and samples.dtype == np.float32:
            for gain, offset in ((0.5, 0.5), (0.7, 0.0), (1.0, 0.25)):
                yield partial(_affine, graph, entry.name, gain, offset)


@mutator("preprocess.channel_order", "layout.channel_order")
def channel_order(graph: Editor) -> Iterator[Site]:
    """BGR where RGB is meant."""
    for entry in graph.model.graph.input:
        samples = graph.samples.get(entry.name)
        if samples is not None and samples.ndim == 4 and 3 in samples.shape[1:]:
            axis = 1 + samples.shape[1:].index(3)
            yield partial(_reverse, graph, entry.name, axis)


@mutator("outputs.order")
def order(graph: Editor) -> Iterator[Site]:
    """Classes in another order."""
    for output in graph.outputs:
        shape = graph.shapes.get(output, ())
        if len(shape) == 2 and isinstance(shape[1], int) and shape[1] > 2:
            for shift in (1, 2):
                swapped = np.roll(np.arange(shape[1]), shift)
                yield partial(_reorder, graph, output, swapped)


@mutator("outputs.order/exchanged")
def exchanged(graph: Editor) -> Iterator[Site]:
    """Two outputs of one shape under each other's names."""
    names = graph.outputs
    if len(names) == 2 and graph.shapes.get(names[0]) == graph.shapes.get(names[1]):
        yield partial(_exchange, graph, names)


def _first_readers(graph: Editor, name: str) -> list[onnx.NodeProto]:
    return list(graph.readers.get(name, ()))


def _redirect(graph: Editor, name: str, value: str, but: set[str]) -> tuple[str, ...]:
    readers = [n for n in _first_readers(graph, name) if n.name not in but]
    for node in readers:
        for place, read in enumerate(node.input):
            if read == name:
                node.input[place] = value
    return tuple(node.name for node in readers)


def _affine(graph: Editor, name: str, gain: float, offset: float) -> Fault:
    first = _first_readers(graph, name)[0]
    by = graph.add_constant(np.array(gain, np.float32), "gain")
    plus = graph.add_constant(np.array(offset, np.float32), "offset")
    scaled = graph.insert(first, "Mul", [name, by])
    shifted = graph.insert(first, "Add", [scaled.output[0], plus])
    made = (scaled.name, shifted.name)
    readers = _redirect(graph, name, shifted.output[0], set(made))
    return Fault((*made, *readers), f"{name} times {gain} plus {offset}", (name,))


def _reverse(graph: Editor, name: str, axis: int) -> Fault:
    first = _first_readers(graph, name)[0]
    indices = graph.add_constant(np.array([2, 1, 0], np.int64), "bgr")
    made = graph.insert(first, "Gather", [name, indices], axis=axis)
    readers = _redirect(graph, name, made.output[0], {made.name})
    return Fault((made.name, *readers), f"channels of {name} reversed", (name,))


def _reorder(graph: Editor, output: str, columns: Array) -> Fault:
    node = graph.producers[output]
    index = list(node.output).index(output)
    inner = graph.fresh(output)
    node.output[index] = inner
    taken = graph.add_constant(columns.astype(np.int64), "columns")
    made = graph.insert(node, "Gather", [inner, taken], axis=1)
    made_output = made.output[0]
    graph.model.graph.node.remove(made)
    made.output[0] = output
    graph.model.graph.node.append(made)
    assert made_output != output
    return Fault((made.name, node.name), f"columns {columns.tolist()}", (output,))


def _exchange(graph: Editor, names: list[str]) -> Fault:
    one, other = (graph.producers[name] for name in names)
    one.output[0], other.output[0] = names[1], names[0]
    return Fault((one.name, other.name), f"{names} exchanged", tuple(names))
