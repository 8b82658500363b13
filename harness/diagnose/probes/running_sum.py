"""CUM001: a running sum starts later, or runs backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.settings_apart import other_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="CUM001",
    slug="cumsum.direction",
    line="a running sum starts later, or runs backwards",
    hint="pass exclusive and reverse as the original has them",
    rank=10,
)
_OPS = ("CumSum",)


def look(case: Case) -> Iterator[Suspect]:
    """Where a running sum starts, and which way it runs."""
    for name in (
        "exclusive",
        "reverse",
    ):
        yield from other_attributes(case, CAUSE, name, *_OPS)


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_OPS)))
