"""ATN002: attention hides other positions, or hides them less."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import set_constant
from harness.diagnose.settings_apart import leads_to, other_constants, shown
from harness.diagnose.steps import steps_of
from harness.diagnose.transplant import transplant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="ATN002",
    slug="attention.mask",
    line="attention masks other positions, or masks them less",
    hint="export with the mask as an input, and add a number that no score outweighs "
    "(the least of the number type) where a position is hidden",
    rank=20,
)
# What is added to hide a position.
_HIDES = -1e3


def look(case: Case) -> Iterator[Suspect]:
    """Values that hide positions, and masks that one side alone applies."""
    assert case.candidate is not None
    for found in other_constants(case, "Where", "Add", "Mul", "Sub"):
        theirs = found.nodes[1]
        hides = _hides(found.mine) or _hides(found.other)
        if not hides or not leads_to(case.candidate, theirs, "Softmax"):
            continue
        mine, other = shown(found.mine), shown(found.other)
        said = say(
            f"'{theirs.label}' hides positions by {other}; the reference by {mine}",
            f"hides by {mine}",
            f"hides by {other}",
        )
        change = set_constant(theirs.key, found.index, found.mine)
        edit = f"hide positions by {mine} at '{theirs.label}'", change
        group = (mine, other)
        yield case.suspect(CAUSE, found.nodes, said, edit, group=group)
    yield from _one_sided(case)


def _hides(array: Array) -> bool:
    return array.dtype.kind == "f" and bool((array <= _HIDES).any())


def _one_sided(case: Case) -> Iterator[Suspect]:
    steps = steps_of(case)
    missing = [n for s in steps.missing for n in s.unit.nodes if _is_mask(case, n, 0)]
    extra = [n for s in steps.extra for n in s.unit.nodes if _is_mask(case, n, 1)]
    found = transplant(case) if missing or extra else None
    if found is None or found.edit is None or found.node is None:
        return
    node = extra[0] if extra else found.node
    sides = ("masks", "does not") if missing else ("does not", "masks")
    said = say(
        f"{node.op_type} '{node.label}': the candidate {sides[1]}, the reference "
        f"{sides[0]}"
        + (" scores that stand on hidden positions" if not extra else " positions"),
        sides[0],
        sides[1],
    )
    edit = found.edit.text, found.edit.change
    partner = missing[0] if missing else None
    yield case.suspect(CAUSE, (partner, node), said, edit)


def _is_mask(case: Case, node: Node, side: int) -> bool:
    graph = (case.reference, case.candidate)[side]
    assert graph is not None
    if node.op_type not in {"Where", "Add"} or not leads_to(graph, node, "Softmax"):
        return False
    fixed = (graph.constant(k) for k in node.inputs if k)
    return any(a is not None and _hides(a) for a in fixed)


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"Where", "Add", "Mul", "Sub"})))
