"""Where a resize samples its input, and with which weights.

Each axis becomes a table of places and weights, built from its lengths; two resizes
with equal tables compute the same, however their attributes are spelled. Formulas:
ONNX's operator reference, Resize.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.core.protocols import FloatArray
    from harness.graphs.model import Graph, Node

RESIZES = ("Resize", "Upsample")
_NEAREST: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    # Resize 10: down to the next where it grows, up where it shrinks.
    "simple": np.floor,
}
_SLACK = 1e-6
_FIRST_WITH_MODES = 11


@dataclass(frozen=True, slots=True)
class Resizing:
    """What a resize is set to, and what it makes of which lengths.

    Attributes:
        mode: nearest, linear or cubic.
        coordinates: ``coordinate_transformation_mode``.
        rounding: ``nearest_mode``.
        coefficient: ``cubic_coeff_a``.
        outside: Whether weights beyond the border are left out.
        antialias: Whether shrinking filters.
        axes: (length before, length after, scale) of each axis.
    """

    mode: str
    coordinates: str
    rounding: str
    coefficient: float
    outside: bool
    antialias: bool
    axes: tuple[tuple[int, int, float], ...]

    def tables(self) -> list[FloatArray] | None:
        """Of each axis that changes, rows of places followed by rows of weights.

        None where places depend on more than the lengths.
        """
        if self.coordinates == "tf_crop_and_resize":
            return None
        return [_table(self, *axis) for axis in self.axes if axis[0] > 1 or axis[1] > 1]

    def same(self, other: Resizing) -> bool:
        """Whether both compute the same of every input."""
        if [a[:2] for a in self.axes] != [a[:2] for a in other.axes]:
            return False
        if self.filters != other.filters:
            return False
        mine, theirs = self.tables(), other.tables()
        if mine is None or theirs is None:
            return self == other
        pairs = zip(mine, theirs, strict=True)
        return all(
            a.shape == b.shape and np.allclose(a, b, atol=1e-5) for a, b in pairs
        )

    @property
    def filters(self) -> bool:
        """Whether anything is shrunk through a filter."""
        return self.antialias and any(scale < 1 for _, _, scale in self.axes)


def resizing_of(graph: Graph, node: Node) -> Resizing | None:
    """What a Resize or Upsample node does; None where its lengths are unknown."""
    before, after = graph.static_shape(node.input(0)), graph.static_shape(node.key)
    if before is None or after is None or len(before) != len(after):
        return None
    scales = _scales(graph, node, before, after)
    old = node.op_type == "Upsample" or graph.opset < _FIRST_WITH_MODES
    get = node.attributes.get
    # Axis 0 counts samples.
    kept = list(zip(before, after, scales, strict=True))[1:]
    return Resizing(
        mode=str(get("mode", "nearest")).replace("bilinear", "linear"),
        coordinates=str(
            get("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
        ),
        rounding=str(get("nearest_mode", "floor" if old else "round_prefer_floor")),
        coefficient=round(float(get("cubic_coeff_a", -0.75)), 6),
        outside=bool(get("exclude_outside", 0)),
        antialias=bool(get("antialias", 0)),
        axes=tuple((n, m, float(s)) for n, m, s in kept),
    )


def _scales(
    graph: Graph, node: Node, before: tuple[int, ...], after: tuple[int, ...]
) -> list[float]:
    """As the file gives them, else as they follow from the lengths."""
    made = [m / n for n, m in zip(before, after, strict=True)]
    given = graph.constant(node.input(2 if len(node.inputs) > 2 else 1))
    attribute = node.attributes.get("scales")
    if given is None and attribute is not None:
        given = np.asarray(attribute, np.float32)
    if given is None or not given.size:
        return made
    axes = node.ints("axes", tuple(range(len(before))))
    for axis, scale in zip(axes, given.ravel().tolist(), strict=False):
        made[axis] = scale
    return made


def _table(asked: Resizing, n: int, m: int, scale: float) -> FloatArray:
    x = _coordinates(asked.coordinates, n, m, scale)
    if asked.mode == "nearest":
        rounded = _NEAREST.get(asked.rounding, np.floor)
        return np.clip(rounded(np.round(x, 6)), 0, n - 1)[None]
    if asked.mode == "linear" and not asked.filters:
        return np.clip(x, 0, n - 1)[None]
    if asked.mode == "linear":
        return np.concatenate([x[None], np.full((1, m), float(asked.outside))])
    base, part = np.floor(x + _SLACK), x - np.floor(x + _SLACK)
    taps = np.stack([base + k for k in (-1, 0, 1, 2)])
    weights = _cubic(np.abs(part - np.array([[-1], [0], [1], [2]])), asked.coefficient)
    if asked.outside:
        weights = np.where((taps < 0) | (taps >= n), 0, weights)
        weights = weights / weights.sum(axis=0)
    # A tap that weighs nothing may lie anywhere.
    places = np.where(np.abs(weights) > _SLACK, np.clip(taps, 0, n - 1), 0)
    return np.concatenate([places, weights])


def _cubic(distance: FloatArray, a: float) -> FloatArray:
    """Keys' kernel: source as above, ``cubic_coeff_a``."""
    d = distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _coordinates(mode: str, n: int, m: int, scale: float) -> FloatArray:
    """Place in the input of each element of the output."""
    x = np.arange(m, dtype=np.float64)
    if mode == "align_corners":
        return x * ((n - 1) / (m - 1)) if m > 1 else x * 0
    if mode == "asymmetric":
        return x / scale
    if mode == "tf_half_pixel_for_nn":
        return (x + 0.5) / scale
    if mode == "pytorch_half_pixel" and m == 1:
        return x * 0
    half = (x + 0.5) / scale - 0.5
    if mode == "half_pixel_symmetric":
        return half + n / 2 * (1 - m / (scale * n))
    return half
