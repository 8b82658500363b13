"""ACT004: an activation is missing, added, or another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.function_faults import function_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="ACT004",
    slug="activation.missing",
    line="an activation is missing, added, or another one",
    hint="compare the lists of layers; exporters lose activations that are given as "
    "strings or lambdas",
    rank=25,
)


def look(case: Case) -> Iterator[Suspect]:
    """A function that one side alone applies, or another than the other side does."""
    for fault in function_faults(case, "missing"):
        yield fault.suspect(case, CAUSE)


PROBE = CauseProbe(CAUSE, look)
