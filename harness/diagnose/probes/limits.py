"""ACT003: an activation is limited elsewhere: Relu for Relu6, say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.function_faults import function_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="ACT003",
    slug="activation.clip",
    line="an activation is limited elsewhere, or not at all",
    hint="keep Relu6 as a clip to [0, 6] where the model is rebuilt",
    rank=22,
)


def look(case: Case) -> Iterator[Suspect]:
    """Limits read off what either side computes, also where they are inputs."""
    for fault in function_faults(case, "clip"):
        yield fault.suspect(case, CAUSE)


PROBE = CauseProbe(CAUSE, look)
