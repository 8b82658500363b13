"""LAY003: what is concatenated stands in another order, or along another axis."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import BackendError
from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import node_of, set_attribute
from harness.diagnose.shape import same_multiset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node

CAUSE = Cause(
    code="LAY003",
    slug="layout.concat_order",
    line="what is concatenated stands in another order, or along another axis",
    hint="concatenate in the original's order; a converter that collects inputs in a "
    "set or by name loses it",
    rank=15,
)
# Beyond so many inputs their exchanges are not tried one by one.
_MOST_TRIED = 5


def look(case: Case) -> Iterator[Suspect]:
    """The order that values tell, else each exchange of two; and another axis."""
    for nodes in case.pairs_of("Concat"):
        order = _order(case, *nodes)
        if order is not None:
            yield from _ordered(case, nodes, order)
        elif len(nodes[1].inputs) <= _MOST_TRIED:
            for first, second in combinations(range(len(nodes[1].inputs)), 2):
                tried = list(range(len(nodes[1].inputs)))
                tried[first], tried[second] = second, first
                yield from _ordered(case, nodes, tried)
        mine, other = case.settings(nodes, "axis")
        if mine is not None and mine != other:
            yield _other_axis(case, nodes, (mine, other))


def _ordered(
    case: Case, nodes: tuple[Node, Node], order: Sequence[int]
) -> Iterator[Suspect]:
    theirs = nodes[1]
    if list(order) == list(range(len(order))):
        return
    names = [theirs.input(i) for i in order]
    said = say(
        f"Concat '{theirs.label}' joins {_listed(theirs.inputs)}; in the reference's "
        f"order that is {_listed(names)}",
        f"joins {_listed(names)}",
        f"joins {_listed(theirs.inputs)}",
    )
    edit = f"reorder the inputs of '{theirs.label}'", _reorder(theirs, names)
    yield case.suspect(CAUSE, nodes, said, edit, group=None)


def _reorder(node: Node, names: Sequence[str]) -> Change:
    def change(model: onnx.ModelProto) -> None:
        found = node_of(model, node.key)
        del found.input[:]
        found.input.extend(names)

    return change


def _other_axis(case: Case, nodes: tuple[Node, Node], axes: tuple[int, int]) -> Suspect:
    theirs, (mine, other) = nodes[1], axes
    said = say(
        f"Concat '{theirs.label}' joins along axis {other}; the reference along {mine}",
        f"axis {mine}",
        f"axis {other}",
    )
    change = set_attribute(theirs.key, "axis", mine)
    edit = f"join '{theirs.label}' along axis {mine}", change
    return case.suspect(CAUSE, nodes, said, edit, group=("axis", mine, other))


def _order(case: Case, ours: Node, theirs: Node) -> list[int] | None:
    """Which of the candidate's inputs each of the reference's is; None if unclear."""
    if len(ours.inputs) != len(theirs.inputs):
        return None
    try:
        mine = _values(case, "reference", ours)
        other = _values(case, "candidate", theirs)
    except BackendError:
        # A piece that does not run tells nothing; exchanges are tried instead.
        return None
    left, order = list(range(len(theirs.inputs))), []
    for name in ours.inputs:
        array = mine.get(name)
        fits = [i for i in left if _same(array, other.get(theirs.input(i)))]
        if not fits:
            return None
        order.append(fits[0])
        left.remove(fits[0])
    return order


def _values(case: Case, side: str, node: Node) -> Mapping[str, Array]:
    """What a node reads, as far as it is known."""
    if case.evidence is None:
        return {}
    feeds = case.evidence.feeds
    if side == "reference":
        feeds = case.evidence.reference_feeds
    graph = case.candidate if side == "candidate" else case.reference
    assert graph is not None
    inner = {k for n in case.nodes_of(side) for k in n.outputs}
    fixed = {k: a for k in node.inputs if (a := graph.constant(k)) is not None}
    asked = [k for k in node.inputs if k in inner and k not in feeds]
    made = case.inside(side, asked) if asked else {}
    return {**fixed, **{k: feeds[k] for k in node.inputs if k in feeds}, **made}


def _same(mine: Array | None, other: Array | None) -> bool:
    if mine is None or other is None or mine.dtype.kind != other.dtype.kind:
        return False
    return same_multiset(np.asarray(mine), np.asarray(other))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


PROBE = CauseProbe(CAUSE, look, Needs(ops=frozenset({"Concat"})))
