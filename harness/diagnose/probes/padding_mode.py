"""PAD003: padding repeats, mirrors or wraps where the reference's does not."""

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
    code="PAD003",
    slug="padding.mode",
    line="padding is constant, reflected, repeated or wrapped otherwise",
    hint="pad in the original's mode: an exporter may have folded a reflecting Pad "
    "into the zeros of a convolution",
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
