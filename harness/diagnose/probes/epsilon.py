"""NRM001: a normalization adds another epsilon to the variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.edits import set_attribute
from harness.diagnose.epsilon import OtherEpsilon
from harness.diagnose.placed_epsilon import epsilons
from harness.diagnose.restore import restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change
    from harness.graphs.layers import Layer
    from harness.graphs.model import Node

CAUSE = Cause(
    code="NRM001",
    slug="norm.epsilon",
    line="a normalization adds another epsilon to the variance",
    hint="pass the original's epsilon where the layer is rebuilt (Keras: 1e-3, PyTorch "
    "and ONNX: 1e-5 unless told otherwise)",
    rank=20,
)
_ROUNDING = 1e-3


def look(case: Case) -> Iterator[Suspect]:
    """Compares epsilons, read from attributes or solved for from folded gains."""
    for found in case.differences:
        if isinstance(found, OtherEpsilon):
            yield _suspect(case, found)
    yield from _placed(case)


def _suspect(case: Case, found: OtherEpsilon) -> Suspect:
    nodes = _norm_node(found.reference), _norm_node(found.candidate)
    mine, other = found.reference_epsilon, found.candidate_epsilon
    said = say(
        f"{nodes[1].op_type} '{nodes[1].label}' {_said(found)}",
        f"epsilon {mine:g}" if mine else "another epsilon, folded into the weights",
        f"epsilon {other:g}" if other else "an epsilon folded into the weights",
    )
    edit = _edit(case, found)
    return case.suspect(CAUSE, nodes, said, edit, tensor="", group=(mine, other))


def _said(found: OtherEpsilon) -> str:
    most = 100 * float(np.abs(found.ratio - 1).max())
    mine, other = found.reference_epsilon, found.candidate_epsilon
    gains = f"gains of channels differ by up to {most:.2g} %"
    if mine is None or other is None:
        side = "larger" if (found.ratio > 1).mean() > 0.5 else "smaller"
        return f"carries gains that are all {side}, as another epsilon does; {gains}"
    return f"uses epsilon {other:g}; the reference uses {mine:g}; {gains}"


def _edit(case: Case, found: OtherEpsilon) -> tuple[str, Change] | None:
    mine, node = found.reference_epsilon, _norm_node(found.candidate)
    if found.candidate.norm is not None and mine is not None:
        text = f"set epsilon of '{node.label}' to {mine:g}"
        return text, set_attribute(node.key, "epsilon", mine)
    assert case.candidate is not None
    change = restore(case.candidate, found.candidate, found.reference)
    text = f"put the reference's gains into '{node.label}'"
    return None if change is None else (text, change)


def _norm_node(layer: Layer) -> Node:
    """The batch norm of a layer, else the layer's own node."""
    return next((s.node for s in layer.steps if s.norm is not None), layer.node)


def _placed(case: Case) -> Iterator[Suspect]:
    """Norms over each sample: their statistics are not in the file, only epsilon.

    One side may have the operator and the other spell it out.
    """
    assert case.reference is not None
    assert case.candidate is not None
    mine = list(epsilons(case.reference, case.nodes_of("reference")))
    other = list(epsilons(case.candidate, case.nodes_of("candidate")))
    if len(mine) != len(other):
        return
    for ours, theirs in zip(mine, other, strict=True):
        if abs(ours.value - theirs.value) <= _ROUNDING * ours.value:
            continue
        label = theirs.node.label
        said = say(
            f"{theirs.node.op_type} '{label}' uses epsilon {theirs.value:g}; the "
            f"reference uses {ours.value:g}",
            f"epsilon {ours.value:g}",
            f"epsilon {theirs.value:g}",
        )
        edit = f"set epsilon of '{label}' to {ours.value:g}", theirs.set_to(ours.value)
        nodes, group = (ours.node, theirs.node), (ours.value, theirs.value)
        yield case.suspect(CAUSE, nodes, said, edit, tensor="", group=group)


PROBE = CauseProbe(CAUSE, look, Needs(evidence=False))
