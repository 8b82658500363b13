"""SLC001: another part is cut out: bounds, axes or steps of a slice differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import add_constant, node_of, opset_of
from harness.graphs.slicing import slicing_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node
    from harness.graphs.slicing import Slicing

CAUSE = Cause(
    code="SLC001",
    slug="slice.bounds",
    line="a slice has other bounds, steps or axes",
    hint="check how the original counts: ends are left out, negative bounds count from "
    "behind, and lengths that a trace fixed hold for that length alone",
    rank=20,
)
_WITH_INPUTS = 10


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each pair of slices that picks other elements."""
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in case.pairs_of("Slice"):
        mine = slicing_of(case.reference, nodes[0])
        other = slicing_of(case.candidate, nodes[1])
        if mine is not None and other is not None and not mine.same(other):
            yield _suspect(case, nodes, (mine, other))


def _suspect(
    case: Case, nodes: tuple[Node, Node], pair: tuple[Slicing, Slicing]
) -> Suspect:
    theirs, (wanted, now) = nodes[1], (side.text for side in pair)
    said = say(
        f"Slice '{theirs.label}' takes {now}; the reference takes {wanted}",
        f"takes {wanted}",
        f"takes {now}",
    )
    edit = f"let '{theirs.label}' take {wanted}", _slice_as(theirs, pair[0])
    return case.suspect(CAUSE, nodes, said, edit, group=(wanted, now))


def _slice_as(node: Node, wanted: Slicing) -> Change:
    def change(model: onnx.ModelProto) -> None:
        found = node_of(model, node.key)
        if opset_of(model) < _WITH_INPUTS:
            del found.attribute[:]
            for name in ("starts", "ends", "axes"):
                given = list(getattr(wanted, name))
                found.attribute.append(onnx.helper.make_attribute(name, given))
            return
        del found.input[1:]
        for numbers in (wanted.starts, wanted.ends, wanted.axes, wanted.steps):
            found.input.append(add_constant(model, np.array(numbers, np.int64)))

    return change


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"Slice"})))
