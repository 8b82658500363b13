"""RSZ006: a resize interpolates in another way."""

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
    code="RSZ006",
    slug="resize.mode",
    line="a resize interpolates in another way: nearest, linear or cubic",
    hint="set mode as the original interpolates",
    rank=14,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each resize whose samples differ so; equal samples are silent."""
    for pair in resizes(case):
        if pair.differ("mode"):
            yield setting_suspect(
                case, CAUSE, pair, "mode", "coordinates", "rounding", "coefficient"
            )


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(RESIZES), evidence=False))
