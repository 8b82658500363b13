"""Sliding windows that stand for each other, and setting one as the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from harness.diagnose.edits import add_constant, fresh, node_of, opset_of, place_of
from harness.diagnose.twins import twins
from harness.graphs.borders import LEFT_OUT, border_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Statement, Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.borders import Border
    from harness.graphs.model import Node

CONVS = ("Conv", "QLinearConv", "ConvInteger", "FusedConv")
POOLS = ("MaxPool", "AveragePool", "QLinearAveragePool", "LpPool")
_STEPS = {
    "kernel": "pool.kernel",
    "stride": "conv.stride",
    "dilation": "conv.dilation",
}
_FAMILIES = (CONVS, POOLS[:1], POOLS[1:3], POOLS[3:])
_SETTINGS = ("kernel_shape", "strides", "dilations", "ceil_mode", "count_include_pad")


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """A pair of windows.

    Attributes:
        nodes: (reference, candidate).
        mine: The reference's.
        other: The candidate's.
    """

    nodes: tuple[Node, Node]
    mine: Border
    other: Border

    def steps(self, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """kernel, stride or dilation along each axis, on both sides."""
        first, second = (
            tuple(getattr(axis, name) for axis in border.own.axes)
            for border in (self.mine, self.other)
        )
        return first, second

    def parting(self) -> str | None:
        """The cause by which they part; None where both see the same."""
        for name, slug in _STEPS.items():
            first, second = self.steps(name)
            if first != second and not _is_idle(self, name):
                return slug
        ceils = [bool(node.attributes.get("ceil_mode", 0)) for node in self.nodes]
        # Behind other lengths the same padding reaches elsewhere: no fault of its own.
        spelled = self.mine.window.pads == self.other.window.pads
        same = self.mine.window.same_padding(self.other.window)
        same = same or (spelled and ceils[0] == ceils[1])
        alike = same and self.mine.fills == self.other.fills
        if alike and (self.measured or ceils[0] == ceils[1]):
            return None
        if ceils[0] != ceils[1]:
            return "pool.ceil_mode"
        return self._filling() if same else "padding.same_split"

    @property
    def measured(self) -> bool:
        """Whether the lengths that windows run over are known."""
        axes = (*self.mine.own.axes, *self.other.own.axes)
        return all(axis.used_end is not None for axis in axes)

    def mistake(self) -> tuple[object, ...]:
        """What is the same for windows that were set wrong in the same way."""
        return (
            *(self.steps("kernel") + self.steps("stride") + self.steps("dilation")),
            *(side.window.pads for side in (self.mine, self.other)),
            *(filled(side) for side in (self.mine, self.other)),
        )

    def _filling(self) -> str:
        other = self.mine.fills ^ self.other.fills
        if LEFT_OUT in other:
            return "pool.count_include_pad"
        modes = {mode for mode, _ in other}
        return "padding.value" if modes == {"constant"} else "padding.mode"


def _is_idle(pair: Windows, name: str) -> bool:
    """A window of one element is not dilated, and one window alone does not step."""
    if name == "dilation":
        return all(n == 1 for n in pair.steps("kernel")[0])
    axes = (*pair.mine.own.axes, *pair.other.own.axes)
    return name == "stride" and all(axis.count == 1 for axis in axes)


def windows(case: Case, *ops: str) -> Iterator[Windows]:
    """Pairs of windows whose borders are known on both sides."""
    assert case.reference is not None
    assert case.candidate is not None
    for family in _FAMILIES:
        asked = [op for op in family if op in ops]
        for nodes in twins(case, *asked) if asked else ():
            mine = border_of(case.reference, nodes[0])
            other = border_of(case.candidate, nodes[1])
            if mine and other and len(mine.own.axes) == len(other.own.axes):
                yield Windows(nodes, mine, other)


def window_suspects(
    case: Case, cause: Cause, ops: tuple[str, ...], tell: Callable[[Windows], Statement]
) -> Iterator[Suspect]:
    """A suspect for each pair of windows that parts by this cause."""
    for pair in windows(case, *ops):
        sure = pair.measured or case.evidence is not None
        if sure and pair.parting() == cause.slug:
            theirs = pair.nodes[1]
            text = f"pad and step '{theirs.label}' as the reference does"
            edit = text, window_as(case, pair)
            yield case.suspect(
                cause, pair.nodes, tell(pair), edit, group=pair.mistake()
            )


def window_as(case: Case, pair: Windows) -> Change:
    """Make the candidate's window step, pad and count as the reference's.

    A Pad node in front of it is passed by.
    """
    (ours, theirs), mine, other = pair.nodes, pair.mine, pair.other
    assert case.candidate is not None
    value = case.candidate.values.get(theirs.input(0))
    dtype = np.dtype((value and value.dtype) or "float32")

    # A Pad that is as it should be stays: it may lie outside of the piece.
    kept_pad = mine.padding == other.padding

    def change(model: onnx.ModelProto) -> None:
        node = node_of(model, theirs.key)
        if not kept_pad:
            _pass_by(model, node, other)
        given = {k: ours.attributes[k] for k in _SETTINGS if k in ours.attributes}
        # What the reference leaves at its default is not set here either.
        gone = {*_SETTINGS, "pads", "auto_pad"}
        kept = [a for a in node.attribute if a.name not in gone]
        del node.attribute[:]
        node.attribute.extend(kept)
        for name, value in {**given, "pads": list(mine.own.pads)}.items():
            node.attribute.append(onnx.helper.make_attribute(name, value))
        if mine.padding is not None and not kept_pad:
            _pad_in_front(model, theirs.key, mine, dtype)

    return change


def shown(border: Border) -> str:
    """Begins, then ends."""
    return "(" + ",".join(str(n) for n in border.window.pads) + ")"


def filled(border: Border) -> str:
    """What lies beyond the border, in words."""
    return " and ".join(sorted(_fill(*fill) for fill in border.fills)) or "nothing"


def _fill(mode: str, value: float) -> str:
    if mode != "constant":
        return mode if mode == "left out" else f"'{mode}' padding"
    return "nothing (-inf)" if value == -np.inf else f"the constant {value:g}"


def _pass_by(model: onnx.ModelProto, node: onnx.NodeProto, border: Border) -> None:
    if border.pad is None:
        return
    pad = node_of(model, border.pad.key)
    if not border.moved:
        node.input[0] = pad.input[0]
        return
    pad.op_type = "Identity"
    del pad.input[1:]
    del pad.attribute[:]


def _pad_in_front(
    model: onnx.ModelProto, key: str, border: Border, dtype: np.dtype[np.generic]
) -> None:
    assert border.padding is not None
    node, padding = node_of(model, key), border.padding
    begins, ends = zip(*padding.amounts, strict=True)
    made, inputs = fresh(model, "pad"), [node.input[0]]
    given: dict[str, Any] = {"mode": padding.mode}
    if opset_of(model) < 11:
        given |= {"pads": [*begins, *ends], "value": padding.value}
    else:
        inputs.append(add_constant(model, np.array([*begins, *ends], np.int64)))
        if padding.mode == "constant" and padding.value:
            inputs.append(add_constant(model, np.array(padding.value, dtype)))
    new = onnx.helper.make_node("Pad", inputs, [made], **given)
    node.input[0] = made
    model.graph.node.insert(place_of(model, key), new)
