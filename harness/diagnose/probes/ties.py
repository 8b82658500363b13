"""TIE001: of equal scores another one is chosen, or the other end of the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.settings_apart import other_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="TIE001",
    slug="choice.ties",
    line="of equal scores another one is chosen, or the other end of the order",
    hint="choose the first of equals on both sides; integer scores are often equal",
    rank=10,
)
_OPS = (
    "ArgMax",
    "ArgMin",
    "TopK",
)


def look(case: Case) -> Iterator[Suspect]:
    """Which of equals is chosen, and from which end."""
    for name in (
        "select_last_index",
        "largest",
    ):
        yield from other_attributes(case, CAUSE, name, *_OPS)


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_OPS)))
