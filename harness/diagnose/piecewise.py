"""A known cause whose remedy is the reference's whole piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Edit
from harness.diagnose.grafts import graft
from harness.diagnose.transplant import transplant
from harness.graphs.units import moving

if TYPE_CHECKING:
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Statement, Suspect
    from harness.graphs.model import Node


def replaced(
    case: Case,
    cause: Cause,
    said: Statement,
    nodes: tuple[Node | None, Node | None] = (None, None),
    group: tuple[object, ...] | None = None,
) -> Suspect | None:
    """A suspect that is proven by the reference's piece; None where it does not fit.

    Args:
        case: The segment.
        cause: What its structure says.
        said: In words.
        nodes: (reference, candidate) to be named; the oddest where None.
        group: See `Suspect.group`.
    """
    found = transplant(case)
    if found is None or found.node is None:
        return None
    edit = found.edit or _grafted(case)
    if edit is None:
        return None
    named = nodes[0] or found.partner, nodes[1] or found.node
    words = edit.text, edit.change
    return case.suspect(cause, named, said, words, tensor=found.tensor, group=group)


def _grafted(case: Case) -> Edit | None:
    """The reference's piece, fed from the candidate's inputs where it needs more.

    A value that was frozen leaves the candidate's piece without what made it.
    """
    segment, mine, other = case.segment, case.reference, case.candidate
    if segment is None or mine is None or other is None:
        return None
    given = {cut.reference: cut.candidate for cut in segment.inputs}
    given |= {k: k for k in mine.inputs if k in other.inputs and k not in given}
    made = {k for node in segment.reference for k in node.outputs}
    read = {k for node in segment.reference for k in moving(mine, node)} - made
    if not read or not read <= given.keys():
        return None
    output = segment.output
    nodes = segment.reference
    change = graft(case, nodes, given, output.reference, output.candidate)
    text = f"compute '{output.candidate}' as the reference does"
    return None if change is None else Edit(text, change)
