"""GTH001: other elements are picked, in another order, or along another axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import set_attribute, set_constant, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import IntArray
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Graph, Node

CAUSE = Cause(
    code="GTH001",
    slug="gather.indices",
    line="a Gather picks other elements, or along another axis",
    hint="compare the indices that both files hold: class orders, token positions and "
    "negative indices are what they are mostly about",
    rank=20,
)
_LISTED = 6


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each pair that picks otherwise; -1 and the last are the same."""
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in case.pairs_of("Gather"):
        mine, other = _read(case.reference, nodes[0]), _read(case.candidate, nodes[1])
        if mine is None or other is None or mine[0].shape != other[0].shape:
            continue
        if mine[1] != other[1] or not np.array_equal(mine[0], other[0]):
            yield from _suspects(case, nodes, mine, other)


def _suspects(
    case: Case,
    nodes: tuple[Node, Node],
    mine: tuple[IntArray, int],
    other: tuple[IntArray, int],
) -> Iterator[Suspect]:
    theirs = nodes[1]
    wanted, now = (f"{_shown(side[0])} of axis {side[1]}" for side in (mine, other))
    said = say(
        f"Gather '{theirs.label}' picks {now}; the reference picks {wanted}",
        f"picks {wanted}",
        f"picks {now}",
    )
    indices = set_constant(theirs.key, 1, mine[0].astype(np.int64))
    axis = set_attribute(theirs.key, "axis", mine[1])
    for changes in ([indices], [axis], [indices, axis])[
        : 1 + 2 * (mine[1] != other[1])
    ]:
        edit = f"let '{theirs.label}' pick {wanted}", together(changes)
        yield case.suspect(CAUSE, nodes, said, edit, group=(wanted, now))


def _read(graph: Graph, node: Node) -> tuple[IntArray, int] | None:
    """Indices counted from the front, and the axis."""
    indices = graph.constant(node.input(1))
    value = graph.values.get(node.input(0))
    if indices is None or value is None or value.shape is None:
        return None
    axis = int(node.attributes.get("axis", 0)) % max(len(value.shape), 1)
    length = value.shape[axis] if value.shape else None
    numbers = np.asarray(indices, np.int64)
    if isinstance(length, int) and length:
        numbers = numbers % length
    return numbers, axis


def _shown(indices: IntArray) -> str:
    numbers = ", ".join(str(int(i)) for i in indices.ravel()[:_LISTED])
    return f"({numbers}{', ...' if indices.size > _LISTED else ''})"


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"Gather"})))
