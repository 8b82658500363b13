"""RSZ001: a resize samples other places of its input."""

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
    code="RSZ001",
    slug="resize.coordinates",
    line="a resize samples other places: pixel centres, corners, or neither",
    hint="set coordinate_transformation_mode (align_corners, half_pixel_centers) as "
    "the original has it",
    rank=15,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each resize whose samples differ so; equal samples are silent."""
    for pair in resizes(case):
        if pair.differ("coordinates"):
            yield setting_suspect(case, CAUSE, pair, "coordinates", "rounding")


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(RESIZES), evidence=False))
