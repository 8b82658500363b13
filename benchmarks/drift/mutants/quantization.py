"""Scales, zero points and ranges of quantized graphs."""

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


@mutator("quant.scale")
def scale(graph: Editor) -> Iterator[Site]:
    """Read back with another scale than it was written with."""
    for node in graph.of("DequantizeLinear"):
        value = graph.constant(node.input[1])
        if value is not None:
            changed = (value * 1.5).astype(value.dtype)
            yield partial(_set, graph, node, 1, changed)


@mutator("quant.zero_point")
def zero_point(graph: Editor) -> Iterator[Site]:
    """Read back from another zero."""
    for node in graph.of("DequantizeLinear"):
        value = graph.constant(node.input[2]) if len(node.input) > 2 else None
        if value is not None and value.dtype.itemsize == 1:
            moved = value.astype(np.int16) + np.where(value > 64, -9, 9)
            yield partial(_set, graph, node, 2, moved.astype(value.dtype))


@mutator("quant.saturation", "quant.scale")
def saturation(graph: Editor) -> Iterator[Site]:
    """A range calibrated on too little: what lies beyond is cut off."""
    for node in graph.of("QuantizeLinear"):
        value = graph.constant(node.input[1])
        if value is not None and value.size == 1:
            narrow = (value / 4).astype(value.dtype)
            yield partial(_narrow, graph, node, narrow)


def _set(graph: Editor, node: onnx.NodeProto, place: int, value: Array) -> Fault:
    name = graph.set_constant(node, place, value)
    readers = graph.readers.get(node.output[0], [])
    names = (node.name, *(reader.name for reader in readers))
    return Fault(names, f"{'scale' if place == 1 else 'zero point'} changed", (name,))


def _narrow(graph: Editor, node: onnx.NodeProto, value: Array) -> Fault:
    graph.set_constant(node, 1, value)
    readers = graph.readers.get(node.output[0], [])
    for reader in readers:
        if reader.op_type == "DequantizeLinear":
            graph.set_constant(reader, 1, value)
    names = (node.name, *(reader.name for reader in readers))
    return Fault(names, "a quarter of the range")
