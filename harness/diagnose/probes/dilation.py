"""CNV002: a window's elements lie closer together, or farther apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.windows import CONVS, POOLS, shown, window_suspects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Statement, Suspect
    from harness.diagnose.windows import Windows

CAUSE = Cause(
    code="CNV002",
    slug="conv.dilation",
    line="a convolution or pooling is dilated otherwise",
    hint="pass the dilation on where the layer is rebuilt, and pad by what the dilated "
    "kernel spans",
    rank=20,
)
_WINDOWED = CONVS + POOLS


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each window that differs so, with an effect."""
    yield from window_suspects(case, CAUSE, _WINDOWED, _tell)


def _tell(pair: Windows) -> Statement:
    theirs = pair.nodes[1]
    mine, other = pair.steps("dilation")
    return say(
        f"{theirs.op_type} '{theirs.label}' has dilations {other}; the reference has "
        f"{mine}",
        f"dilations {mine}, pads {shown(pair.mine)}",
        f"dilations {other}, pads {shown(pair.other)}",
    )


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_WINDOWED), evidence=False))
