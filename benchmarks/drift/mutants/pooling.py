"""What a pooling window at the border counts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.drift.faults import Fault, Site, mutator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from benchmarks.drift.editor import Editor


@mutator("pool.count_include_pad")
def count_include_pad(graph: Editor) -> Iterator[Site]:
    """Mean pooling counts its padding where it did not, or the reverse."""
    for node in graph.of("AveragePool"):
        auto = graph.attribute(node, "auto_pad", "NOTSET").startswith("SAME")
        if auto or any(graph.attribute(node, "pads", [])):
            yield partial(_toggle, graph, node)


@mutator("pool.ceil_mode", "pool.count_include_pad", "padding.value")
def ceil_mode(graph: Editor) -> Iterator[Site]:
    """The last window, cut off by the border, becomes a padded one that counts it."""
    for node in graph.of("AveragePool"):
        if graph.attribute(node, "ceil_mode", 0):
            yield partial(_pad_the_end, graph, node)


@mutator("pool.ceil_mode/added")
def ceil_mode_added(graph: Editor) -> Iterator[Site]:
    """A cut-off window more, or one fewer; what follows takes any size."""
    for node in graph.of("AveragePool", "MaxPool"):
        strided = max(graph.attribute(node, "strides", [1])) > 1
        if strided and graph.attribute(node, "auto_pad", "NOTSET") == "NOTSET":
            yield partial(_toggle_ceil, graph, node)


def _toggle(graph: Editor, node: onnx.NodeProto) -> Fault:
    new = 1 - graph.attribute(node, "count_include_pad", 0)
    graph.set_attribute(node, "count_include_pad", new)
    return Fault((node.name,), f"count_include_pad -> {new}")


def _toggle_ceil(graph: Editor, node: onnx.NodeProto) -> Fault:
    new = 1 - graph.attribute(node, "ceil_mode", 0)
    graph.set_attribute(node, "ceil_mode", new)
    return Fault((node.name,), f"ceil_mode -> {new}")


def _pad_the_end(graph: Editor, node: onnx.NodeProto) -> Fault:
    rank = len(graph.attribute(node, "kernel_shape"))
    pads = list(graph.attribute(node, "pads", [0] * 2 * rank))
    graph.set_attribute(node, "ceil_mode", 0)
    graph.set_attribute(node, "pads", [*pads[:rank], *(p + 1 for p in pads[rank:])])
    graph.set_attribute(node, "count_include_pad", 1)
    return Fault((node.name,), "ceil_mode -> 0, one more row at the end that counts")
