"""RNN002: a GRU applies its reset gate at the other side of the matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.settings_apart import other_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect

CAUSE = Cause(
    code="RNN002",
    slug="rnn.linear_before_reset",
    line="a GRU applies its reset gate at the other side of the matrix product",
    hint="set linear_before_reset to 1 for PyTorch, and for Keras with reset_after",
    rank=10,
)
_OPS = ("GRU",)


def look(case: Case) -> Iterator[Suspect]:
    """Where a GRU resets."""
    for name in ("linear_before_reset",):
        yield from other_attributes(case, CAUSE, name, *_OPS)


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(_OPS)))
