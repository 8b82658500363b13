"""ELM001: two values meet in another operator, or the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.edits import replace_node, set_input, together
from harness.diagnose.steps import Step, steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node

CAUSE = Cause(
    code="ELM001",
    slug="elementwise.operator",
    line="two values are combined by another operator, or the other way round",
    hint="compare how the layer is written in both files: Add for Sub, Div for Mul, "
    "operands exchanged",
    rank=30,
)
_BINARY = frozenset({"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"})
_DIRECTED = frozenset({"Sub", "Div", "Pow"})


def look(case: Case) -> Iterator[Suspect]:
    """Operators of two values that one side alone has, and exchanged operands."""
    steps = steps_of(case)
    mine, other = _binary(steps.missing), _binary(steps.extra)
    if len(mine) == len(other) == 1:
        yield _other_operator(case, mine[0], other[0])
    for ours, theirs in case.pairs_of(*_DIRECTED):
        if _exchanged(case, ours, theirs):
            yield _turned(case, ours, theirs)


def _binary(steps: tuple[Step, ...]) -> list[Node]:
    nodes = [n for s in steps if len(s.unit.nodes) == 1 for n in s.unit.nodes]
    return [n for n in nodes if n.op_type in _BINARY and len(n.inputs) == 2]


def _other_operator(case: Case, mine: Node, other: Node) -> Suspect:
    said = say(
        f"'{other.label}' is {other.op_type}; the reference's '{mine.label}' is "
        f"{mine.op_type}",
        mine.op_type,
        other.op_type,
    )
    text = f"make '{other.label}' {mine.op_type}"
    edit = text, replace_node(other.key, mine.op_type, inputs=2)
    group = (mine.op_type, other.op_type)
    return case.suspect(CAUSE, (mine, other), said, edit, group=group)


def _exchanged(case: Case, ours: Node, theirs: Node) -> bool:
    values = steps_of(case).values
    placed = [values.get(name) for name in ours.inputs[:2]]
    now = list(theirs.inputs[:2])
    return placed == now[::-1] and now[0] != now[1]


def _turned(case: Case, ours: Node, theirs: Node) -> Suspect:
    said = say(
        f"{theirs.op_type} '{theirs.label}' has its operands exchanged",
        f"'{theirs.input(1)}' first",
        f"'{theirs.input(0)}' first",
    )
    edit = f"exchange the operands of '{theirs.label}'", _exchange(theirs)
    return case.suspect(CAUSE, (ours, theirs), said, edit)


def _exchange(node: Node) -> Change:
    first, second = node.inputs[:2]
    return together([set_input(node.key, 0, second), set_input(node.key, 1, first)])


PROBE = CauseProbe(CAUSE, look)
