"""RSZ002: a resize takes another neighbour where two are as near."""

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
    code="RSZ002",
    slug="resize.nearest_rounding",
    line="a resize takes another neighbour as the nearest",
    hint="set nearest_mode as the original rounds: floor for PyTorch and "
    "TensorFlow's old resize, round_prefer_floor is ONNX's default",
    rank=16,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each resize whose samples differ so; equal samples are silent."""
    for pair in resizes(case):
        if pair.differ("rounding") and not pair.differ("coordinates"):
            yield setting_suspect(case, CAUSE, pair, "rounding")


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(RESIZES), evidence=False))
