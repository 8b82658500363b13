"""Resizes of both sides that stand for each other, and setting one as the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import onnx

from harness.diagnose.case import say
from harness.diagnose.edits import add_constant, node_of, opset_of
from harness.diagnose.twins import twins
from harness.graphs.resizing import RESIZES, resizing_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node
    from harness.graphs.resizing import Resizing

_ATTRIBUTES = {
    "mode": "mode",
    "coordinates": "coordinate_transformation_mode",
    "rounding": "nearest_mode",
    "coefficient": "cubic_coeff_a",
    "outside": "exclude_outside",
    "antialias": "antialias",
}
_WITH_ATTRIBUTES, _WITH_ANTIALIAS = 11, 18


@dataclass(frozen=True, slots=True, eq=False)
class Resizes:
    """A pair of resizes that do not do the same.

    Attributes:
        nodes: (reference, candidate).
        mine: What the reference's does.
        other: What the candidate's does.
    """

    nodes: tuple[Node, Node]
    mine: Resizing
    other: Resizing

    def differ(self, name: str) -> bool:
        """Whether a setting differs that has a say in this mode."""
        has_say = {
            "rounding": self.mine.mode == "nearest",
            "coefficient": self.mine.mode == "cubic",
            "outside": self.mine.mode == "cubic" or self.mine.filters,
            "antialias": self.mine.mode != "nearest",
        }
        mine, other = getattr(self.mine, name), getattr(self.other, name)
        return mine != other and has_say.get(name, True)

    @property
    def scaled(self) -> bool:
        """Whether lengths or scales differ."""
        pairs = zip(self.mine.axes, self.other.axes, strict=True)
        return any(a[:2] != b[:2] or abs(a[2] - b[2]) > 1e-7 * a[2] for a, b in pairs)


def resizes(case: Case) -> Iterator[Resizes]:
    """Pairs that compute something else of some input."""
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in twins(case, *RESIZES):
        mine = resizing_of(case.reference, nodes[0])
        other = resizing_of(case.candidate, nodes[1])
        if mine is None or other is None or len(mine.axes) != len(other.axes):
            continue
        if not mine.same(other) and not _in_layout(mine, other):
            yield Resizes(nodes, mine, other)


def _in_layout(mine: Resizing, other: Resizing) -> bool:
    """Whether both do the same, in another order of axes."""
    turned = replace(other, axes=(*other.axes[1:], other.axes[0]))
    back = replace(other, axes=(other.axes[-1], *other.axes[:-1]))
    return mine.same(turned) or mine.same(back)


def setting_suspect(
    case: Case, cause: Cause, pair: Resizes, first: str, *also: str
) -> Suspect:
    """A suspect that some attributes differ, the first of them named."""
    theirs = pair.nodes[1]
    name = _ATTRIBUTES[first]
    mine, other = (_shown(getattr(side, first)) for side in (pair.mine, pair.other))
    (n, m) = max((a[:2] for a in pair.other.axes), key=lambda a: abs(a[1] - a[0]))
    said = say(
        f"{theirs.op_type} '{theirs.label}' ({pair.other.mode}, {n} to {m}) has {name} "
        f"{other}; the reference has {mine}",
        f"{name} {mine}",
        f"{name} {other}",
    )
    changed = [k for k in (first, *also) if pair.differ(k)]
    words = ", ".join(
        f"{_ATTRIBUTES[k]} {_shown(getattr(pair.mine, k))}" for k in changed
    )
    edit = f"give '{theirs.label}' {words}", _settings_as(pair, changed)
    return case.suspect(cause, pair.nodes, said, edit, group=(words, other))


def _shown(value: str | float | bool) -> str:
    return str(int(value)) if isinstance(value, bool) else f"{value}"


def _settings_as(pair: Resizes, names: list[str]) -> Change:
    def change(model: onnx.ModelProto) -> None:
        node = _modern(model, pair)
        made = {_ATTRIBUTES[k]: getattr(pair.mine, k) for k in names}
        kept = [a for a in node.attribute if a.name not in made]
        del node.attribute[:]
        node.attribute.extend(kept)
        for name, value in made.items():
            given = int(value) if isinstance(value, bool) else value
            node.attribute.append(onnx.helper.make_attribute(name, given))

    return change


def _modern(model: onnx.ModelProto, pair: Resizes) -> onnx.NodeProto:
    """The candidate's node as a Resize whose attributes can be set."""
    node = node_of(model, pair.nodes[1].key)
    if opset_of(model) < _WITH_ATTRIBUTES:
        raise KeyError(pair.nodes[1].key)
    return node


def scales_as(pair: Resizes) -> Change:
    """Give the candidate's resize the reference's lengths and scales."""

    def change(model: onnx.ModelProto) -> None:
        node = _modern(model, pair)
        del node.input[1:]
        wanted = [1.0, *(_reaching(*axis) for axis in pair.mine.axes)]
        scales = add_constant(model, np.array(wanted, np.float32))
        node.input.extend(["", scales])
        kept = [
            a
            for a in node.attribute
            if a.name not in {"axes", "keep_aspect_ratio_policy"}
        ]
        del node.attribute[:]
        node.attribute.extend(kept)

    return change


def _reaching(n: int, m: int, scale: float) -> float:
    """The scale, at least as large that float32 does not fall short of the length."""
    made = np.float32(scale)
    while int(np.floor(np.float32(n) * made)) < m:
        made = np.nextafter(made, np.float32(np.inf))
    return float(made)
