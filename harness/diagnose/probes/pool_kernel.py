"""POL003: a pooling looks at a window of another size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.windows import POOLS, window_suspects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Statement, Suspect
    from harness.diagnose.windows import Windows

CAUSE = Cause(
    code="POL003",
    slug="pool.kernel",
    line="a pooling has a window of another size",
    hint="set kernel_shape (pool_size, kernel_size) to the original's",
    rank=20,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each window that differs so, with an effect."""
    yield from window_suspects(case, CAUSE, POOLS, _tell)


def _tell(pair: Windows) -> Statement:
    theirs = pair.nodes[1]
    mine, other = pair.steps("kernel")
    return say(
        f"{theirs.op_type} '{theirs.label}' has windows of {other}; the reference has "
        f"{mine}",
        f"windows of {mine}",
        f"windows of {other}",
    )


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(POOLS), evidence=False))
