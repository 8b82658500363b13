"""ATN001: attention divides its scores by another number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.edits import set_constant
from harness.diagnose.function_faults import function_faults
from harness.diagnose.settings_apart import leads_to, other_constants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="ATN001",
    slug="attention.scale",
    line="attention scales its scores by another number",
    hint="scores are divided by the root of a head's width, not of the model's width, "
    "and only once",
    rank=20,
)
_SCORES = 3


def look(case: Case) -> Iterator[Suspect]:
    """Factors on the way to a softmax over more than the classes."""
    for fault in function_faults(case, "factor"):
        if is_score(case, fault.nodes[1]):
            yield fault.suspect(case, CAUSE)
    for found in other_constants(case, "Mul", "Div"):
        theirs = found.nodes[1]
        if found.other.size != 1 or not is_score(case, theirs):
            continue
        mine, other = found.texts
        verb = "multiplies" if theirs.op_type == "Mul" else "divides"
        said = say(
            f"'{theirs.label}' {verb} scores by {other}; the reference by {mine}",
            f"{verb} by {mine}",
            f"{verb} by {other}",
        )
        change = set_constant(theirs.key, found.index, found.mine)
        edit = f"let '{theirs.label}' {verb[:-1]} by {mine}", change
        yield case.suspect(CAUSE, found.nodes, said, edit, group=(mine, other))


def is_score(case: Case, node: Node) -> bool:
    """Whether a node works on scores of attention, or on what they are made of."""
    graph = case.candidate
    assert graph is not None
    shape = graph.values[node.key].shape
    # On two axes it is the temperature of a last layer.
    deep = shape is not None and len(shape) >= _SCORES
    return deep and leads_to(graph, node, "Softmax", through=True)


PROBE = CauseProbe(CAUSE, look)
