"""Padding on another side, with another value, in another mode."""

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

_WINDOWED = ("Conv", "MaxPool", "AveragePool")


@mutator("padding.same_split")
def same_split(graph: Editor) -> Iterator[Site]:
    """Strided windows: the odd element in front instead of behind, or the reverse."""
    for node in graph.of(*_WINDOWED):
        strides = graph.attribute(node, "strides", [1])
        auto = graph.attribute(node, "auto_pad", "NOTSET")
        if max(strides) < 2:
            continue
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            yield partial(_flip_auto, graph, node, auto)
        elif any(pads := list(graph.attribute(node, "pads", []))):
            yield partial(_resplit, graph, node, pads)


@mutator("padding.same_split/pad")
def same_split_of_pad(graph: Editor) -> Iterator[Site]:
    """A Pad of its own, put on the other side."""
    for node in graph.of("Pad"):
        pads = graph.constant(node.input[1]) if len(node.input) > 1 else None
        if pads is not None and len(set(map(tuple, np.split(pads, 2)))) > 1:
            begin, end = np.split(pads, 2)
            swapped = np.concatenate([end, begin])
            yield partial(_set_pads, graph, node, swapped)


@mutator("padding.value")
def value_of_pad(graph: Editor) -> Iterator[Site]:
    """A Pad with another constant."""
    for node in graph.of("Pad"):
        if graph.attribute(node, "mode", "constant") == "constant":
            yield partial(_set_value, graph, node, 0.5)


@mutator("padding.value/convolution")
def value_of_convolution(graph: Editor) -> Iterator[Site]:
    """A convolution's zeros turn into another constant."""
    for node in _padded(graph, "Conv"):
        yield partial(_pad_before, graph, node, "constant", 0.5)


@mutator("padding.value/maxpool")
def value_of_max_pooling(graph: Editor) -> Iterator[Site]:
    """Max pooling over zeros instead of over nothing."""
    for node in _padded(graph, "MaxPool"):
        yield partial(_pad_before, graph, node, "constant", 0.0)


@mutator("padding.mode")
def mode_of_convolution(graph: Editor) -> Iterator[Site]:
    """A convolution's zeros turn into the border's own values."""
    for node in _padded(graph, "Conv"):
        yield partial(_pad_before, graph, node, "edge", 0.0)


@mutator("padding.mode/pad")
def mode_of_pad(graph: Editor) -> Iterator[Site]:
    """A Pad in another mode."""
    for node in graph.of("Pad"):
        mode = graph.attribute(node, "mode", "constant")
        for other in ("constant", "edge"):
            if other != mode:
                yield partial(_set_mode, graph, node, other)


def _padded(graph: Editor, op_type: str) -> Iterator[onnx.NodeProto]:
    for node in graph.of(op_type):
        if any(graph.attribute(node, "pads", [])):
            yield node


def _flip_auto(graph: Editor, node: onnx.NodeProto, auto: str) -> Fault:
    other = "SAME_LOWER" if auto == "SAME_UPPER" else "SAME_UPPER"
    graph.set_attribute(node, "auto_pad", other)
    return Fault((node.name,), f"auto_pad {auto} -> {other}")


def _resplit(graph: Editor, node: onnx.NodeProto, pads: list[int]) -> Fault:
    half = len(pads) // 2
    begin, end = pads[:half], pads[half:]
    # Symmetric becomes (p - 1, p + 1): the size stays, the sampling grid moves.
    new = (
        [*end, *begin]
        if begin != end
        else [*(p - 1 for p in begin), *(p + 1 for p in end)]
    )
    if min(new) < 0:
        new = [*(max(p, 0) for p in new[:half]), *new[half:]]
    graph.set_attribute(node, "pads", new)
    return Fault((node.name,), f"pads {pads} -> {new}")


def _set_pads(graph: Editor, node: onnx.NodeProto, pads: Array) -> Fault:
    graph.set_constant(node, 1, pads)
    return Fault((node.name,), f"pads -> {pads.tolist()}")


def _set_value(graph: Editor, node: onnx.NodeProto, value: float) -> Fault:
    graph.set_constant(node, 2, np.array(value, np.float32))
    return Fault((node.name,), f"padded with {value}")


def _set_mode(graph: Editor, node: onnx.NodeProto, mode: str) -> Fault:
    old = graph.attribute(node, "mode", "constant")
    graph.set_attribute(node, "mode", mode)
    return Fault((node.name,), f"mode {old} -> {mode}")


def _pad_before(graph: Editor, node: onnx.NodeProto, mode: str, value: float) -> Fault:
    pads = list(graph.attribute(node, "pads"))
    half = len(pads) // 2
    every = np.array([0, 0, *pads[:half], 0, 0, *pads[half:]], np.int64)
    inputs = [node.input[0], graph.add_constant(every, "pads")]
    if mode == "constant":
        inputs.append(graph.add_constant(np.array(value, np.float32), "value"))
    pad = graph.insert(node, "Pad", inputs, mode=mode)
    graph.feed(node, 0, pad.output[0])
    graph.set_attribute(node, "pads", [0] * len(pads))
    shown = mode if mode != "constant" else f"the constant {value}"
    return Fault((node.name, pad.name), f"pads {pads} filled with {shown}")
