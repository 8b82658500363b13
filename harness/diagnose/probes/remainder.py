"""MOD001: a remainder has the sign of the other operand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.settings_apart import other_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="MOD001",
    slug="mod.sign",
    line="a remainder has the sign of the other operand",
    hint="Python and TensorFlow take the sign of the divisor, C and fmod that of the "
    "dividend",
    rank=10,
)
_OPS = ("Mod",)


def look(case: Case) -> Iterator[Suspect]:
    """Whose sign a remainder has."""
    for name in ("fmod",):
        yield from other_attributes(case, CAUSE, name, *_OPS)


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_OPS)))
