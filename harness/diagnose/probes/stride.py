"""CNV001: a window steps by another stride, or the stride is at another layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import together
from harness.diagnose.windows import CONVS, POOLS, window_as, windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="CNV001",
    slug="conv.stride",
    line="a convolution or pooling has another stride, or another layer has it",
    hint="stride where the original strides: in a residual block one version strides "
    "in its first convolution, another in its second",
    rank=20,
)
_WINDOWED = CONVS + POOLS


def look(case: Case) -> Iterator[Suspect]:
    """One suspect for all strides of a segment: one alone would not fit the next."""
    pairs = windows(case, *_WINDOWED)
    found = [pair for pair in pairs if pair.parting() == CAUSE.slug]
    if not found:
        return
    told = [(p.nodes[1], *p.steps("stride")) for p in found]
    words = ", ".join(
        f"'{n.label}' {other} (reference: {mine})" for n, mine, other in told
    )
    wanted = ", ".join(f"'{node.label}' {mine}" for node, mine, _ in told)
    said = say(
        f"strides: {words}",
        "strides: " + wanted,
        "strides: " + ", ".join(f"'{node.label}' {other}" for node, _, other in told),
    )
    change = together([window_as(case, pair) for pair in found])
    yield case.suspect(
        CAUSE, found[-1].nodes, said, (f"set strides of {wanted}", change)
    )


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_WINDOWED), evidence=False))
