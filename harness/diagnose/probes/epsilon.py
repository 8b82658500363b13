"""NRM001: a normalization adds another epsilon to the variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.results import Where
from harness.diagnose.catalogue import EPSILON
from harness.diagnose.edits import Edit, set_attribute, together
from harness.diagnose.epsilon import OtherEpsilon
from harness.diagnose.lead import Lead, Statement, lead
from harness.diagnose.restore import restore
from harness.graphs.affine import EPSILON_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.diagnose.context import Context
    from harness.diagnose.edits import Change
    from harness.graphs.layers import Layer
    from harness.graphs.model import Node

_NORMS = frozenset(
    {
        *("InstanceNormalization", "LayerNormalization", "GroupNormalization"),
        "RMSNormalization",
    }
)


class Epsilon:
    """Compares epsilons, read from attributes or solved for from folded gains."""

    cause = EPSILON.slug

    def run(self, context: Context) -> Iterator[Lead]:
        """A lead for each pair of epsilons, over all nodes that have this pair."""
        groups: dict[tuple[float | None, float | None], list[OtherEpsilon]] = {}
        for found in context.differences:
            if isinstance(found, OtherEpsilon):
                pair = (found.reference_epsilon, found.candidate_epsilon)
                groups.setdefault(pair, []).append(found)
        # What is folded on both sides names no epsilon: it joins the only one named.
        if len(groups) == 2 and (None, None) in groups:
            folded = groups.pop((None, None))
            next(iter(groups.values())).extend(folded)
        for members in groups.values():
            yield _lead(context, members)
        yield from _attributes(context)


def _lead(context: Context, members: Sequence[OtherEpsilon]) -> Lead:
    first = members[0]
    node = _norm_node(first.candidate)
    ours = _norm_node(first.reference)
    mine, other = first.reference_epsilon, first.candidate_epsilon
    explanation = f"{node.op_type} '{node.label}' {_said(first)}"
    if len(members) > 1:
        explanation += f"; so do {len(members) - 1} more normalizations"
    said = Statement(
        explanation,
        f"epsilon {mine:g}" if mine else "another epsilon, folded into the weights",
        f"epsilon {other:g}" if other else "an epsilon folded into the weights",
    )
    where = Where(node.label, ours.label, node.op_type)
    return lead(context, EPSILON, where, said, _edit(context, members), node.order)


def _said(found: OtherEpsilon) -> str:
    most = 100 * float(np.abs(found.ratio - 1).max())
    mine, other = found.reference_epsilon, found.candidate_epsilon
    gains = f"gains of channels differ by up to {most:.2g} %"
    if mine is None or other is None:
        side = "larger" if (found.ratio > 1).mean() > 0.5 else "smaller"
        return f"carries gains that are all {side}, as another epsilon does; {gains}"
    return f"uses epsilon {other:g}; the reference uses {mine:g}; {gains}"


def _edit(context: Context, members: Sequence[OtherEpsilon]) -> Edit | None:
    changes = [_change(context, found) for found in members]
    made = [change for change in changes if change is not None]
    if len(made) < len(changes):
        return None
    mine, norm = members[0].reference_epsilon, members[0].candidate.norm
    place = f"'{_norm_node(members[0].candidate).label}'"
    if len(members) > 1:
        place += f" and {len(members) - 1} more"
    text = f"put the reference's gains into {place}"
    if norm is not None and mine is not None:
        text = f"set epsilon of {place} to {mine:g}"
    return Edit(text, together(made))


def _change(context: Context, found: OtherEpsilon) -> Change | None:
    mine = found.reference_epsilon
    if found.candidate.norm is not None and mine is not None:
        return set_attribute(_norm_node(found.candidate).key, "epsilon", mine)
    assert context.candidate is not None
    return restore(context.candidate, found.candidate, found.reference)


def _norm_node(layer: Layer) -> Node:
    """The batch norm of a layer, else the layer's own node."""
    return next((s.node for s in layer.steps if s.norm is not None), layer.node)


def _attributes(context: Context) -> Iterator[Lead]:
    """Norms over each sample: their statistics are not in the file, only epsilon."""
    for ours, theirs in context.alignment.nodes if context.alignment else ():
        mine = float(ours.attributes.get("epsilon", EPSILON_DEFAULT))
        other = float(theirs.attributes.get("epsilon", EPSILON_DEFAULT))
        if theirs.op_type not in _NORMS or mine == other:
            continue
        said = Statement(
            f"{theirs.op_type} '{theirs.label}' uses epsilon {other:g}; the reference "
            f"uses {mine:g}",
            f"epsilon {mine:g}",
            f"epsilon {other:g}",
        )
        where = Where(theirs.label, ours.label, theirs.op_type)
        edit = Edit(
            f"set epsilon of '{theirs.label}' to {mine:g}",
            set_attribute(theirs.key, "epsilon", mine),
        )
        yield lead(context, EPSILON, where, said, edit, theirs.order)
