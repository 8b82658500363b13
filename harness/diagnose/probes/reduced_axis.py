"""RED001: a reduction runs over other axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.edits import set_attribute, set_constant
from harness.graphs.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Graph, Node

CAUSE = Cause(
    code="RED001",
    slug="reduce.axis",
    line="a reduction runs over other axes",
    hint="a converter that turns NHWC into NCHW has to turn the axes of means and "
    "sums, too",
    rank=10,
)
_CHOICES = ("ArgMax", "ArgMin", "TopK")
_JOINED = ("Gather", "Concat", "Split")
_OTHERS = (*_CHOICES, *_JOINED, "CumSum", "LpNormalization")


def look(case: Case) -> Iterator[Suspect]:
    """A suspect where other axes are reduced, those of one element aside."""
    for nodes in case.pairs:
        if (
            not nodes[1].op_type.startswith("Reduce")
            and nodes[1].op_type not in _OTHERS
        ):
            continue
        mine, other = _axes(case.reference, nodes[0]), _axes(case.candidate, nodes[1])
        if not mine or other is None or mine == other:
            continue
        theirs = nodes[1]
        said = say(
            f"{theirs.op_type} '{theirs.label}' runs over {_shown(other)}; the "
            f"reference over {_shown(mine)}",
            f"over {_shown(mine)}",
            f"over {_shown(other)}",
        )
        text = f"let '{theirs.label}' run over {_shown(mine)}"
        edit = text, _change(theirs, mine)
        yield case.suspect(CAUSE, nodes, said, edit, group=(mine, other))


def _axes(graph: Graph | None, node: Node) -> tuple[int, ...] | None:
    """Which axes, counted from the front; None where it cannot be told."""
    assert graph is not None
    shape = graph.static_shape(node.input(0))
    if shape is None:
        return None
    named = sorted(_named(graph, node, len(shape)))
    return tuple(a for a in named if shape[a] > 1 or node.op_type in _JOINED)


def _named(graph: Graph, node: Node, rank: int) -> set[int]:
    given = graph.constant(node.input(1)) if _reads_axes(node) else None
    if given is not None:
        return {int(a) % rank for a in given.ravel()}
    settings = settings_of(graph, node)
    if "axes" in settings:
        axes = settings["axes"]
        return {int(a) % rank for a in (axes if isinstance(axes, tuple) else (axes,))}
    if "axis" in settings:
        return {int(settings["axis"]) % rank}  # type: ignore[arg-type]  # an integer
    return set(range(rank))


def _reads_axes(node: Node) -> bool:
    reduces = node.op_type.startswith("Reduce") or node.op_type == "CumSum"
    return reduces and len(node.inputs) > 1


def _change(node: Node, axes: tuple[int, ...]) -> Change:
    if _reads_axes(node):
        wanted = np.array(axes, np.int64)
        return set_constant(
            node.key, 1, wanted[0] if node.op_type == "CumSum" else wanted
        )
    if node.op_type.startswith("Reduce"):
        return set_attribute(node.key, "axes", list(axes))
    return set_attribute(node.key, "axis", axes[0])


def _shown(axes: tuple[int, ...]) -> str:
    noun = "axis" if len(axes) == 1 else "axes"
    return f"{noun} {', '.join(map(str, axes))}"


PROBE = CauseProbe(CAUSE, look)
