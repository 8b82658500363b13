"""What a slice picks, however its bounds are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.graphs.model import Graph, Node

# Where ONNX's Slice takes them; before opset 10 they are attributes.
_INPUTS = {"starts": 1, "ends": 2, "axes": 3, "steps": 4}


@dataclass(frozen=True, slots=True)
class Slicing:
    """Bounds as the file has them.

    Attributes:
        starts: First element, one number an axis of `axes`.
        ends: Behind the last.
        axes: Which.
        steps: From element to element.
        lengths: Of the axes; None where unknown.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    axes: tuple[int, ...]
    steps: tuple[int, ...]
    lengths: tuple[int, ...] | None

    @property
    def picked(self) -> dict[int, range]:
        """Axis -> the elements taken, axes left whole not among them."""
        bounds = zip(self.starts, self.ends, self.steps, strict=True)
        parts = [slice(*item) for item in bounds]
        lengths = self.lengths or (1 << 31,) * len(parts)
        taken = [range(n)[part] for part, n in zip(parts, lengths, strict=True)]
        whole = [range(n) for n in lengths]
        pairs = zip(self.axes, taken, whole, strict=True)
        return {axis: one for axis, one, full in pairs if one != full}

    def same(self, other: Slicing) -> bool:
        """Whether both pick the same elements, in whatever order of axes."""
        mine, theirs = (
            sorted(map(tuple, (_ends(r) for r in side.picked.values())))
            for side in (self, other)
        )
        return mine == theirs

    @property
    def text(self) -> str:
        """As in Python: ``[1:5:2] of axis 2``."""
        parts = zip(self.starts, self.ends, self.steps, self.axes, strict=True)
        return ", ".join(f"[{a}:{b}:{c}] of axis {axis}" for a, b, c, axis in parts)


def slicing_of(graph: Graph, node: Node) -> Slicing | None:
    """What a Slice node picks; None where that is not fixed in the file."""
    given = {name: _numbers(graph, node, name) for name in _INPUTS}
    starts, ends = given["starts"], given["ends"]
    if starts is None or ends is None or len(starts) != len(ends):
        return None
    if any(node.input(i) and given[name] is None for name, i in _INPUTS.items()):
        return None
    value = graph.values.get(node.input(0))
    shape = graph.static_shape(node.input(0))
    rank = len(value.shape) if value is not None and value.shape is not None else 0
    axes = given["axes"] or tuple(range(len(starts)))
    axes = tuple(axis % rank if rank else axis for axis in axes)
    lengths = tuple(shape[axis] for axis in axes) if shape else None
    return Slicing(starts, ends, axes, given["steps"] or (1,) * len(starts), lengths)


def _ends(taken: range) -> tuple[int, int, int]:
    return (taken[0], taken[-1], len(taken)) if len(taken) else (0, 0, 0)


def _numbers(graph: Graph, node: Node, name: str) -> tuple[int, ...] | None:
    if name in node.attributes:
        return tuple(int(item) for item in node.attributes[name])
    array = graph.constant(node.input(_INPUTS[name]))
    return None if array is None else tuple(int(item) for item in array.ravel())
