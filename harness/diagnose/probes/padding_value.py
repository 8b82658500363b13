"""PAD002: padding is filled with another constant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.pads import FILLING, fill_suspects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="PAD002",
    slug="padding.value",
    line="padding holds another constant: 0 where a maximum needs -inf, say",
    hint="pad with the constant that the original has; before a max pooling that is "
    "-inf, or the pooling's own padding",
    rank=15,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each window and each Pad that differ so, with an effect."""
    return fill_suspects(case, CAUSE)


PROBE = CauseProbe(CAUSE, look, Needs(ops=FILLING, evidence=False))
