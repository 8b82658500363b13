"""NUM001: a number leaves the range of its type on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import BackendError
from harness.diagnose.case import say
from harness.diagnose.casts import uncast
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.piecewise import replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="NUM001",
    slug="numeric.overflow",
    line="numbers leave the range of their type: infinite, or flushed to zero",
    hint="keep squares, exponentials and the epsilon of a normalization in float32; "
    "float16 ends at 65504 and begins at 6e-8",
    rank=10,
)


def look(case: Case) -> Iterator[Suspect]:
    """The first node of the candidate whose answer is no longer a number."""
    seen = case.evidence
    if seen is None or not _spoilt(seen.expected, seen.got):
        return
    node = _first(case)
    if node is None:
        return
    kind = _dtype(case, node)
    said = say(
        f"{node.op_type} '{node.label}' leaves the range of {kind}: it answers "
        "infinity or no number where the reference stays finite",
        "stays finite",
        f"infinite in {kind}",
    )
    group = (node.key,)
    if case.nodes_of("candidate", "Cast"):
        edit = f"leave out the casts around '{node.label}'", uncast(case)
        yield case.suspect(CAUSE, (None, node), said, edit, group=group)
    found = replaced(case, CAUSE, said, (None, node), group)
    if found is not None:
        yield found


def _spoilt(expected: Array, got: Array) -> bool:
    if expected.shape != got.shape or expected.dtype.kind != "f":
        return False
    return bool((np.isfinite(expected) & ~np.isfinite(got)).any())


def _first(case: Case) -> Node | None:
    """The first node that makes what is not finite of what is."""
    nodes = case.nodes_of("candidate")
    try:
        values = case.inside("candidate", [n.key for n in nodes])
    except BackendError:
        # Some value of the piece may not be fetched alone.
        return nodes[-1] if nodes else None
    for node in nodes:
        array = values.get(node.key)
        if array is not None and array.dtype.kind == "f" and not _finite(array):
            return node
    return None


def _finite(array: Array) -> bool:
    return bool(np.isfinite(array).all())


def _dtype(case: Case, node: Node) -> str:
    assert case.candidate is not None
    return case.candidate.values[node.key].dtype or "its type"


PROBE = CauseProbe(CAUSE, look, Needs(evidence=True))
