"""PAD002: padding is filled with another constant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.pads import pad_suspects
from harness.diagnose.windows import CONVS, POOLS, filled, shown, window_suspects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Statement, Suspect
    from harness.diagnose.windows import Windows

CAUSE = Cause(
    code="PAD002",
    slug="padding.value",
    line="padding holds another constant: 0 where a maximum needs -inf, say",
    hint="pad with the constant that the original has; before a max pooling that is "
    "-inf, or the pooling's own padding",
    rank=15,
)
_WINDOWED = CONVS + POOLS


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each window and each Pad that differ so, with an effect."""
    yield from window_suspects(case, CAUSE, _WINDOWED, _tell)
    yield from pad_suspects(case, CAUSE)


def _tell(pair: Windows) -> Statement:
    theirs = pair.nodes[1]
    mine, other = filled(pair.mine), filled(pair.other)
    return say(
        f"{theirs.op_type} '{theirs.label}' pads {shown(pair.other)} with {other}; the "
        f"reference pads with {mine}",
        f"pads with {mine}",
        f"pads with {other}",
    )


PROBE = CauseProbe(
    CAUSE, look, Needs(ops=frozenset((*_WINDOWED, "Pad")), evidence=False)
)
