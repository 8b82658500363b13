"""WGT003: a bias is gone, or zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.differences import OtherWeights
from harness.diagnose.edits import insert_after
from harness.diagnose.grafts import insert_graft
from harness.diagnose.recurrent import recurrent_pairs, recurrent_restored
from harness.diagnose.restore import parameter_place, restore
from harness.diagnose.steps import Step, reader_keys, steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array, FloatArray
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="WGT003",
    slug="weights.bias_missing",
    line="a bias is missing, or zero",
    hint="rebuild the layer with its bias; recurrent layers of ONNX and PyTorch have "
    "two, one for inputs and one for the state",
    rank=30,
)


def look(case: Case) -> Iterator[Suspect]:
    """Biases of layers, additions behind them, and biases of recurrent layers."""
    for found in case.differences:
        if isinstance(found, OtherWeights) and _is_gone(found):
            yield _of_layer(case, found)
    for step in steps_of(case).missing:
        yield from _addition(case, step)
    yield from _recurrent(case)


def _is_gone(found: OtherWeights) -> bool:
    """Whether what lacks is the reference's bias, and the candidate has none there."""
    if found.part != "bias":
        return False
    mine, other = found.reference, found.candidate
    if mine.kernel is None or other.bias.values.any():
        return False
    lacks = mine.folded()[2].values - other.folded()[2].values
    own = mine.bias.values * mine.folded()[1].values
    if not other.steps or not other.folded()[2].values.any():
        return True
    return bool(np.linalg.norm(lacks - own) <= 1e-3 * np.linalg.norm(own))


def _of_layer(case: Case, found: OtherWeights) -> Suspect:
    node = found.candidate.node
    partner, twin = parameter_place(found.reference, "bias")
    values = found.reference.folded()[2].values
    said = say(
        f"{node.op_type} '{node.label}' has no bias; the reference adds '{twin}', up "
        f"to {float(np.abs(values).max()):.4g}",
        f"adds '{twin}'",
        "no bias",
    )
    assert case.candidate is not None
    change = restore(case.candidate, found.candidate, found.reference, "bias")
    if change is None and not found.candidate.steps and node.op_type == "MatMul":
        change = insert_after(node.key, "Add", [_typed(case, node, values)])
    edit = None if change is None else (f"give '{node.label}' its bias", change)
    tensor = parameter_place(found.candidate, "bias")[1]
    return case.suspect(CAUSE, (partner, node), said, edit, tensor=tensor)


def _typed(case: Case, node: Node, values: FloatArray) -> Array:
    assert case.candidate is not None
    return values.astype(case.candidate.values[node.key].dtype or np.float32)


def _addition(case: Case, step: Step) -> Iterator[Suspect]:
    """An addition of constants that the reference alone has, behind a product."""
    first = step.unit.nodes[0]
    value = steps_of(case).values.get(step.source)
    if first.op_type != "Add" or not step.adds or value is None:
        return
    assert case.candidate is not None
    keys = reader_keys(case, step, value)
    place = case.candidate.producer(value)
    if place is None or not keys:
        return
    said = say(
        f"nothing is added to '{place.label}'; the reference adds a bias "
        f"('{first.label}')",
        f"adds a bias in '{first.label}'",
        "no bias",
    )
    change = insert_graft(
        case, step.unit.nodes, {step.source: value}, step.unit.output, keys
    )
    edit = None if change is None else (f"add the bias to '{place.label}'", change)
    group = (value,)
    yield case.suspect(CAUSE, (first, place), said, edit, tensor=value, group=group)


def _recurrent(case: Case) -> Iterator[Suspect]:
    for pair in recurrent_pairs(case):
        gone = pair.missing_bias
        if gone is None:
            continue
        theirs = pair.nodes[1]
        said = say(
            f"{theirs.op_type} '{theirs.label}' has no bias for {gone}; the reference "
            "has one",
            f"a bias for {gone}",
            f"no bias for {gone}",
        )
        edit = f"give '{theirs.label}' its bias", recurrent_restored(pair, "bias")
        yield case.suspect(CAUSE, pair.nodes, said, edit, tensor=theirs.input(3))


PROBE = CauseProbe(CAUSE, look)
