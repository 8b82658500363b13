"""CON001: a constant of the arithmetic between layers is another number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.edits import set_constant
from harness.diagnose.function_faults import function_faults
from harness.diagnose.settings_apart import other_constants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="CON001",
    slug="constant.changed",
    line="a constant in the arithmetic between layers is another number",
    hint="look for a factor, a temperature or an offset that is kept beside the "
    "weights and was not carried over",
    rank=85,
)
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Mod")


def look(case: Case) -> Iterator[Suspect]:
    """Factors and offsets, as they act and as they stand in the files."""
    for fault in function_faults(case, "factor"):
        yield fault.suspect(case, CAUSE)
    for found in other_constants(case, *_ARITHMETIC):
        theirs = found.nodes[1]
        mine, other = found.texts
        said = say(
            f"{theirs.op_type} '{theirs.label}' reads {other}; the reference {mine}",
            f"reads {mine}",
            f"reads {other}",
        )
        change = set_constant(theirs.key, found.index, found.mine)
        edit = f"feed {mine} to '{theirs.label}'", change
        tensor = theirs.input(found.index)
        yield case.suspect(CAUSE, found.nodes, said, edit, tensor=tensor)


PROBE = CauseProbe(CAUSE, look)
