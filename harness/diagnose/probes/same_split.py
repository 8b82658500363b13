"""PAD001: a window pads otherwise than the reference's (SAME read as symmetric)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import set_pads
from harness.diagnose.pads import pad_suspects
from harness.diagnose.windows import CONVS, POOLS, filled, shown, window_as, windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change
    from harness.diagnose.windows import Windows

CAUSE = Cause(
    code="PAD001",
    slug="padding.same_split",
    line="a window pads otherwise: SAME read as symmetric padding",
    hint="pad explicitly before the layer as the original does (TensorFlow's SAME puts "
    "the odd element behind the input), then convert again",
    rank=20,
)
_WINDOWED = CONVS + POOLS
_SIDES = {1: "[begin, end]", 2: "[top, left, bottom, right]"}


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each aligned window or Pad that pads otherwise, with an effect."""
    for pair in windows(case, *_WINDOWED):
        if pair.parting() == CAUSE.slug:
            yield _suspect(case, pair)
    yield from pad_suspects(case, CAUSE)


def _suspect(case: Case, pair: Windows) -> Suspect:
    theirs = pair.nodes[1]
    sides = _SIDES.get(len(pair.mine.own.axes), "[begins, ends]")
    mine, other = shown(pair.mine), shown(pair.other)
    said = say(
        f"{theirs.op_type} '{theirs.label}' pads {other} {sides}; "
        f"the reference pads {mine}",
        f"pads {mine} {sides}",
        f"pads {other} {sides}",
    )
    edit = f"set pads of '{theirs.label}' to {mine}", _edit(case, pair)
    return case.suspect(CAUSE, pair.nodes, said, edit, group=pair.mistake())


def _edit(case: Case, pair: Windows) -> Change:
    """The pads alone where both fill them alike."""
    theirs, pad = pair.nodes[1], pair.other.pad
    if filled(pair.mine) != filled(pair.other) or pair.other.moved:
        return window_as(case, pair)
    past = pad.input(0) if pad else None
    return set_pads(theirs.key, pair.mine.window.pads, past)


PROBE = CauseProbe(
    CAUSE, look, Needs(ops=frozenset((*_WINDOWED, "Pad")), evidence=False)
)
