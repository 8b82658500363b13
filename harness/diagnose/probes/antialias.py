"""RSZ004: a resize that shrinks filters, or does not."""

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
    code="RSZ004",
    slug="resize.antialias",
    line="a resize filters before it shrinks, or leaves out weights beyond the border",
    hint="set antialias and exclude_outside as the original has them",
    rank=16,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each resize whose samples differ so; equal samples are silent."""
    for pair in resizes(case):
        for name, other in (("antialias", "outside"), ("outside", "antialias")):
            if pair.differ(name):
                yield setting_suspect(case, CAUSE, pair, name, other, "coefficient")
                break


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(RESIZES), evidence=False))
