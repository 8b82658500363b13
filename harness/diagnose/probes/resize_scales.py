"""RSZ005: a resize has other lengths, or a scale that does not follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.resizes import resizes, scales_as
from harness.graphs.resizing import RESIZES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.resizing import Resizing

CAUSE = Cause(
    code="RSZ005",
    slug="resize.scales",
    line="a resize samples by a scale that its lengths do not say, or to other lengths",
    hint="export lengths where the original was given lengths, and scales where it was "
    "given scales (PyTorch: recompute_scale_factor)",
    rank=16,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each resize whose scales differ so that samples move."""
    for pair in resizes(case):
        if not pair.scaled:
            continue
        theirs = pair.nodes[1]
        mine, other = _shown(pair.mine), _shown(pair.other)
        said = say(
            f"{theirs.op_type} '{theirs.label}' resizes {other}; the reference {mine}",
            f"resizes {mine}",
            f"resizes {other}",
        )
        edit = f"let '{theirs.label}' resize {mine}", scales_as(pair)
        yield case.suspect(CAUSE, pair.nodes, said, edit, group=(mine, other))


def _shown(asked: Resizing) -> str:
    moved = [axis for axis in asked.axes if axis[0] != axis[1] or axis[2] != 1]
    return ", ".join(f"{n} to {m} by {scale:.8g}" for n, m, scale in moved) or "nothing"


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(RESIZES), evidence=False))
