"""Where a resize samples, and with which weights."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.drift.faults import Fault, Site, mutator

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from benchmarks.drift.editor import Editor

_COORDINATES = ("half_pixel", "align_corners", "asymmetric")
_ROUNDINGS = ("floor", "round_prefer_floor", "ceil")


def _resizes(graph: Editor, mode: str) -> Iterator[onnx.NodeProto]:
    for node in graph.of("Resize"):
        if graph.attribute(node, "mode", "nearest") == mode:
            yield node


@mutator("resize.coordinates")
def coordinates(graph: Editor) -> Iterator[Site]:
    """Pixel centres, corners, or neither."""
    for mode in ("linear", "cubic"):
        for node in _resizes(graph, mode):
            key = "coordinate_transformation_mode"
            old = graph.attribute(node, key, "half_pixel")
            kind = "half_pixel" if "half_pixel" in old else old
            for other in _COORDINATES:
                if other != kind:
                    yield partial(_set, graph, node, key, other)


@mutator("resize.nearest_rounding", "resize.coordinates")
def rounding(graph: Editor) -> Iterator[Site]:
    """Which neighbour is nearest."""
    for node in _resizes(graph, "nearest"):
        old = graph.attribute(node, "nearest_mode", "round_prefer_floor")
        for other in _ROUNDINGS:
            if other != old:
                yield partial(_set, graph, node, "nearest_mode", other)


@mutator("resize.cubic_coeff")
def cubic(graph: Editor) -> Iterator[Site]:
    """-0.75 of PyTorch and OpenCV against -0.5 of TensorFlow and PIL."""
    for node in _resizes(graph, "cubic"):
        old = graph.attribute(node, "cubic_coeff_a", -0.75)
        yield partial(_set, graph, node, "cubic_coeff_a", -0.5 if old < -0.6 else -0.75)


@mutator("resize.antialias")
def antialias(graph: Editor) -> Iterator[Site]:
    """Making smaller with or without a filter."""
    if graph.opset < 18:
        return
    for mode in ("linear", "cubic"):
        for node in _resizes(graph, mode):
            old = graph.attribute(node, "antialias", 0)
            yield partial(_set, graph, node, "antialias", 1 - old)


def _set(graph: Editor, node: onnx.NodeProto, key: str, value: Any) -> Fault:
    old = graph.attribute(node, key)
    graph.set_attribute(node, key, value)
    return Fault((node.name,), f"{key} {old} -> {value}")
