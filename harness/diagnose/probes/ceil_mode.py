"""POL002: a pooling has another last window: lengths are rounded up, or down."""

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
    from harness.graphs.model import Node

CAUSE = Cause(
    code="POL002",
    slug="pool.ceil_mode",
    line="a pooling rounds its length up instead of down, or the reverse",
    hint="set ceil_mode as the original does, and check what its last, partial "
    "window divides by",
    rank=20,
)


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each window that differs so, with an effect."""
    yield from window_suspects(case, CAUSE, POOLS, _tell)


def _tell(pair: Windows) -> Statement:
    theirs = pair.nodes[1]
    mine, other = (_rounding(node) for node in pair.nodes)
    return say(
        f"{theirs.op_type} '{theirs.label}' rounds its length {other}, so its last "
        f"window ends elsewhere; the reference rounds {mine}",
        f"length rounded {mine}",
        f"length rounded {other}",
    )


def _rounding(node: Node) -> str:
    up = node.attributes.get("ceil_mode", 0)
    return "up (ceil_mode 1)" if up else "down (ceil_mode 0)"


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset(POOLS), evidence=False))
