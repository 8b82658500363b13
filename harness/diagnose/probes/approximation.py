"""ACT002: an activation is computed by another approximation, GELU by tanh say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.function_faults import function_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="ACT002",
    slug="activation.approximation",
    line="an activation is computed by another approximation",
    hint="ask both exporters for one form (GELU: none or tanh), and keep the runtime "
    "from replacing it",
    rank=20,
)


def look(case: Case) -> Iterator[Suspect]:
    """Forms of one function, whichever way they are spelled."""
    for fault in function_faults(case, "approximation"):
        yield fault.suspect(case, CAUSE)


PROBE = CauseProbe(CAUSE, look)
