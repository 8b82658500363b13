"""SFT001: a softmax runs over another axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import set_attribute
from harness.diagnose.transplant import transplant
from harness.graphs.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Graph, Node

CAUSE = Cause(
    code="SFT001",
    slug="softmax.axis",
    line="a softmax runs over another axis",
    hint="name the axis; before opset 13 ONNX flattens everything from axis 1 on, "
    "unless told otherwise",
    rank=10,
)
_OPS = ("Softmax", "LogSoftmax", "Hardmax")
_ONE_AXIS = 13


def look(case: Case) -> Iterator[Suspect]:
    """A suspect where other elements share one softmax."""
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in case.pairs_of(*_OPS):
        mine = normalised_axes(case.reference, nodes[0])
        other = normalised_axes(case.candidate, nodes[1])
        if mine is None or other is None or mine == other:
            continue
        theirs = nodes[1]
        said = say(
            f"{theirs.op_type} '{theirs.label}' runs over {_shown(other)}; the "
            f"reference over {_shown(mine)}",
            f"over {_shown(mine)}",
            f"over {_shown(other)}",
        )
        edit = _edit(case, theirs, mine)
        yield case.suspect(CAUSE, nodes, said, edit, group=(mine, other))


def normalised_axes(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """The axes over which a softmax sums to one, those of one element left out.

    Before opset 13 all from ``axis`` on are one. Source: ONNX's operator reference.
    """
    shape = graph.static_shape(node.input(0))
    if not shape:
        return None
    axis = int(str(settings_of(graph, node).get("axis", -1))) % len(shape)
    last = axis + 1 if graph.opset >= _ONE_AXIS else len(shape)
    return tuple(i for i in range(axis, last) if shape[i] > 1)


def _shown(axes: tuple[int, ...]) -> str:
    if len(axes) == 1:
        return f"axis {axes[0]}"
    return f"axes {', '.join(map(str, axes))} as one" if axes else "one element"


def _edit(case: Case, node: Node, axes: tuple[int, ...]) -> tuple[str, Change] | None:
    graph = case.candidate
    assert graph is not None
    rank = len(graph.static_shape(node.input(0)) or ())
    whole = axes == tuple(range(axes[0], rank)) if axes else False
    if len(axes) == 1 and (graph.opset >= _ONE_AXIS or whole):
        text = f"set axis of '{node.label}' to {axes[0]}"
        return text, set_attribute(node.key, "axis", axes[0])
    found = transplant(case)
    if found is None or found.edit is None:
        return None
    return found.edit.text, found.edit.change


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_OPS)))
