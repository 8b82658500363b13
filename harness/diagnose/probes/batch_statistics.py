"""NRM002: a batch norm takes its statistics from what it is fed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.edits import drop_attribute
from harness.diagnose.transplant import transplant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Statement, Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="NRM002",
    slug="norm.training_mode",
    line="a normalization uses statistics of its input in place of the trained ones",
    hint="export in inference mode (model.eval() in PyTorch, training=False in Keras); "
    "a batch norm that does not track statistics exports as an instance norm",
    rank=20,
)
_SAMPLED = frozenset(
    {"InstanceNormalization", "GroupNormalization", "LayerNormalization"}
)
_REDUCTIONS = frozenset({"ReduceMean", "ReduceSum", "GlobalAveragePool"})


def look(case: Case) -> Iterator[Suspect]:
    """Batch norms in training mode, and statistics that one side alone computes."""
    for nodes in case.pairs_of("BatchNormalization"):
        mine, other = case.settings(nodes, "training_mode")
        if bool(other) and not mine:
            theirs = nodes[1]
            said = _said(theirs, candidate=True)
            text = f"leave training mode at '{theirs.label}'"
            edit = text, drop_attribute(theirs.key, "training_mode")
            yield case.suspect(CAUSE, nodes, said, edit, group=("training_mode",))
    mine_node, other_node = (_sampling(case.nodes_of(s)) for s in _SIDES)
    if (mine_node is None) == (other_node is None) or not _is_norm(case):
        return
    found = transplant(case)
    if found is None or found.edit is None or found.node is None:
        return
    node = other_node or found.node
    said = _said(node, candidate=other_node is not None)
    edit = found.edit.text, found.edit.change
    partner = mine_node or found.partner
    yield case.suspect(CAUSE, (partner, node), said, edit)


_SIDES = ("reference", "candidate")


def _said(node: Node, *, candidate: bool) -> Statement:
    texts = "the trained statistics", "statistics of what it is fed"
    mine, other = texts if candidate else texts[::-1]
    return say(
        f"{node.op_type} '{node.label}' normalizes by {other}; the reference by {mine}",
        mine,
        other,
    )


def _sampling(nodes: tuple[Node, ...]) -> Node | None:
    """The node that takes statistics of a value, for a normalization."""
    sampled = next((n for n in nodes if n.op_type in _SAMPLED), None)
    if sampled is not None:
        return sampled
    reduced = next((n for n in nodes if n.op_type in _REDUCTIONS), None)
    rooted = any(n.op_type in {"Sqrt", "Pow", "Reciprocal"} for n in nodes)
    return reduced if rooted else None


def _is_norm(case: Case) -> bool:
    """Whether the side that samples nothing has a batch norm, or one folded away."""
    fixed = {"BatchNormalization", "Conv", "Gemm", "MatMul", "Mul", "Add"}
    return any(
        _sampling(nodes) is None and any(n.op_type in fixed for n in nodes)
        for nodes in (case.nodes_of(side) for side in _SIDES)
    )


PROBE = CauseProbe(CAUSE, look)
