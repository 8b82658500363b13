"""CST001: numbers are cut off or rounded otherwise, or pass through half precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.casts import lossy_casts, name_of, uncast
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.function_faults import function_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="CST001",
    slug="cast.rounding",
    line="numbers are rounded otherwise, or pass through another number type",
    hint="a cast to integers cuts off; round first, halves to even as Python, NumPy "
    "and ONNX do, and keep in float32 what needs its digits",
    rank=30,
)


def look(case: Case) -> Iterator[Suspect]:
    """Ways to round, and casts that the candidate alone makes."""
    for fault in function_faults(case, "rounding"):
        yield fault.suspect(case, CAUSE)
    casts = lossy_casts(case)
    if not casts:
        return
    node = casts[0]
    kind = name_of(node)
    said = say(
        f"'{node.label}' casts to {kind}; the reference does not",
        "keeps its number type",
        f"passes through {kind}",
    )
    edit = f"leave out the cast of '{node.label}'", uncast(case)
    group = (kind, node.key)
    yield case.suspect(CAUSE, (None, node), said, edit, group=group)


PROBE = CauseProbe(CAUSE, look)
