"""PAD003: padding repeats, mirrors or wraps where the reference's does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.pads import FILLING, fill_suspects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="PAD003",
    slug="padding.mode",
    line="padding is constant, reflected, repeated or wrapped otherwise",
    hint="pad in the original's mode: an exporter may have folded a reflecting Pad "
    "into the zeros of a convolution",
    rank=15,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each window and each Pad that differ so, with an effect."""
    return fill_suspects(case, CAUSE)


PROBE = CauseProbe(CAUSE, look, Needs(ops=FILLING, evidence=False))
