"""RSZ003: a cubic resize has another coefficient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.resizes import resizes, setting_suspect
from harness.graphs.resizing import RESIZES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="RSZ003",
    slug="resize.cubic_coeff",
    line="a cubic resize has another coefficient: -0.75 or -0.5",
    hint="set cubic_coeff_a as the original has it: -0.75 for PyTorch and OpenCV, "
    "-0.5 for TensorFlow, PIL and PyTorch with antialias",
    rank=16,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each resize whose samples differ so; equal samples are silent."""
    for pair in resizes(case):
        if pair.differ("coefficient"):
            yield setting_suspect(case, CAUSE, pair, "coefficient")


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(RESIZES), evidence=False))
