"""Where in an image an error lies: its mean over samples and channels, a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import StepMap
from harness.graphs.layout import ELEMENTWISE

if TYPE_CHECKING:
    from harness.core.protocols import Array, FloatArray
    from harness.graphs.model import Graph

# Operators whose answers are (samples, channels, places...).
_SPATIAL = frozenset(
    {
        *("AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace"),
        *("GridSample", "InstanceNormalization", "LRN", "LpPool", "MaxPool"),
        *("MaxUnpool", "QLinearConv", "Resize", "Upsample"),
    }
)
_MOST = 64
_DIGITS = 3


def error_map(graph: Graph, name: str, expected: Array, got: Array) -> StepMap | None:
    """The error of a value over its places.

    Args:
        graph: The candidate.
        name: The value.
        expected: What it should be, in the candidate's layout.
        got: What it is.

    Returns:
        None where it has no places, or the two cannot be held against each other.
    """
    axes = places_of(graph, name)
    if not axes or expected.shape != got.shape or expected.ndim <= max(axes):
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(np.asarray(got, np.float64) - expected)
    gap = np.where(np.isfinite(gap), gap, 0.0)
    shown = axes[-2:]
    others = tuple(axis for axis in range(gap.ndim) if axis not in shown)
    places = np.atleast_2d(gap.mean(axis=others))
    total = float(places.sum())
    if not total:
        return None
    return StepMap(
        height=places.shape[0],
        width=places.shape[1],
        rows=tuple(tuple(map(_rounded, row)) for row in _shrunk(places).tolist()),
        border_share=1 - float(_inner(places).sum()) / total,
    )


def places_of(graph: Graph, name: str) -> tuple[int, ...]:
    """The axes of a value that are places in an image or a signal; () without any.

    Followed back to an operator that says so, through what moves nothing and through
    transpositions.
    """
    node = graph.producer(name)
    moved: list[list[int]] = []
    while node is not None and node.op_type not in _SPATIAL:
        if node.op_type == "Transpose":
            moved.append([int(axis) for axis in node.attributes.get("perm", ())])
        elif node.op_type not in ELEMENTWISE:
            return ()
        known = (k for k in node.inputs if k and graph.constant(k) is None)
        node = graph.producer(next(known, ""))
    shape = None if node is None else graph.static_shape(node.key)
    if shape is None:
        return ()
    axes = list(range(2, len(shape)))
    for perm in reversed(moved):
        if len(perm) != len(shape):
            return ()
        axes = sorted(perm.index(axis) for axis in axes)
    return tuple(axes)


def _shrunk(places: FloatArray) -> FloatArray:
    """At most 64 a side: each cell is the mean of the places that it covers."""
    for axis, length in enumerate(places.shape):
        if length > _MOST:
            ends = np.linspace(0, length, _MOST + 1)
            summed = np.insert(np.cumsum(places, axis=axis), 0, 0.0, axis=axis)
            places = np.diff(_at(summed, ends, axis), axis=axis) * (_MOST / length)
    return places


def _at(summed: FloatArray, ends: FloatArray, axis: int) -> FloatArray:
    """Running sums between whole places, too."""
    low = np.floor(ends).astype(int)
    high = np.minimum(low + 1, summed.shape[axis] - 1)
    share = (ends - low).reshape([-1 if i == axis else 1 for i in range(2)])
    first, second = np.take(summed, low, axis), np.take(summed, high, axis)
    whole: FloatArray = first + share * (second - first)
    return whole


def _inner(places: FloatArray) -> FloatArray:
    cut = tuple(slice(1, -1) if n > 2 else slice(None) for n in places.shape)
    return places[cut]


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")
