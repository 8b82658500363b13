"""Where both sides of a segment put a number through another function.

One reading serves the probes of slopes, limits, forms, rounding and factors: each takes
the faults of its own kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.grafts import bypass, graft, insert_graft
from harness.diagnose.steps import reader_keys, readers, steps_of
from harness.graphs.functions import IDENTITY, UNNAMED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Cause, Suspect
    from harness.diagnose.edits import Change
    from harness.diagnose.steps import Step
    from harness.graphs.functions import Function
    from harness.graphs.model import Node

_SLOPES = frozenset(
    {
        *("leaky_relu", "elu", "celu", "selu", "thresholded_relu", "hard_sigmoid"),
        "hard_swish",
    }
)
# With a slope of 1 they are the same.
_EXPONENTIAL = frozenset({"elu", "celu", "selu"})
_ROUNDINGS = frozenset({"round", "floor", "ceil", "trunc", "half_up"})
# Each of a set is used as an approximation of the others.
_FORMS = (
    frozenset({"gelu", "gelu_tanh", "silu"}),
    frozenset({"sigmoid", "hard_sigmoid"}),
    frozenset({"silu", "hard_swish"}),
    frozenset({"mish", "silu", "hard_swish"}),
)
# Of functions without names: those that are as near as this approximate each other.
_APPROXIMATES = 5e-3
_ROUNDING = 2e-5


@dataclass(frozen=True, eq=False)
class FunctionFault:
    """Another function at one place.

    Attributes:
        kind: alpha, approximation, clip, rounding, factor or missing.
        mine: The reference's function.
        other: The candidate's.
        nodes: (reference, candidate) where it is told.
        change: Puts the reference's in the candidate's place; None where it cannot.
        step: The candidate's step, else the reference's.
        group: See `Suspect.group`.
    """

    kind: str
    mine: Function
    other: Function
    nodes: tuple[Node | None, Node]
    change: Change | None
    step: Step
    group: tuple[object, ...] | None = None

    def suspect(self, case: Case, cause: Cause) -> Suspect:
        """The suspect that says so."""
        theirs = self.nodes[1]
        mine, other = self.mine.text, self.other.text
        said = say(
            f"{theirs.op_type} '{theirs.label}': the candidate does {other} where the "
            f"reference does {mine}",
            mine,
            other,
        )
        text = f"do {mine} in place of {other} at '{theirs.label}'"
        edit = None if self.change is None else (text, self.change)
        tensor = theirs.key
        return case.suspect(
            cause, self.nodes, said, edit, tensor=tensor, group=self.group
        )


def function_faults(case: Case, *kinds: str) -> Iterator[FunctionFault]:
    """The faults of these kinds in a segment."""
    steps = steps_of(case)
    for mine, other in steps.pairs:
        kind = _kind(mine, other)
        if kind in kinds:
            yield _other(case, kind, mine, other)
    for step in steps.missing:
        kind = _alone(step)
        if kind in kinds:
            yield from _missing(case, kind, step)
    for step in steps.extra:
        kind = _alone(step)
        if kind in kinds:
            yield _extra(case, kind, step)


def _kind(mine: Step, other: Step) -> str:
    """Which kind of fault a pair of steps has; empty for none."""
    if mine.curve is None or other.curve is None or _alike(mine, other, _ROUNDING):
        return ""
    if mine.function is None or other.function is None:
        return "approximation" if _alike(mine, other, _APPROXIMATES) else "missing"
    families = {mine.function.family, other.function.family}
    one = len(families) == 1
    kinds = {
        "factor": families == {"linear"},
        "clip": families == {"clip"},
        "rounding": families <= _ROUNDINGS,
        "alpha": (one and families <= _SLOPES) or families <= _EXPONENTIAL,
        "approximation": any(families <= form for form in _FORMS),
    }
    return next((kind for kind, is_it in kinds.items() if is_it), "missing")


def _alike(mine: Step, other: Step, tolerance: float) -> bool:
    assert mine.curve is not None
    assert other.curve is not None
    told = np.isfinite(mine.curve) & np.isfinite(other.curve)
    size = np.maximum(1, np.abs(mine.curve[told]))
    gap = np.abs(mine.curve[told] - other.curve[told])
    return bool((gap <= tolerance * size).all())


def _alone(step: Step) -> str:
    if step.curve is None or step.function == IDENTITY:
        return ""
    family = step.function.family if step.function else ""
    if family == "linear":
        return "factor"
    return "rounding" if family in _ROUNDINGS else "missing"


def _other(case: Case, kind: str, mine: Step, other: Step) -> FunctionFault:
    ours, theirs = mine.function or UNNAMED, other.function or UNNAMED
    nodes = mine.unit.nodes[-1], other.unit.nodes[-1]
    given, end = {mine.source: other.source}, mine.unit.output
    change = graft(case, mine.unit.nodes, given, end, other.unit.output)
    group = (kind, ours, theirs)
    told = nodes[0], _telling(other)
    return FunctionFault(kind, ours, theirs, told, change, other, group)


def _telling(step: Step) -> Node:
    """The node of a step that its function is known by."""
    plain = {"Mul", "Add", "Div", "Sub", "Identity", "Cast"}
    curved = (n for n in step.unit.nodes if n.op_type not in plain)
    return next(curved, step.unit.nodes[-1])


def _missing(case: Case, kind: str, step: Step) -> Iterator[FunctionFault]:
    """The reference's step at each place in the candidate where it may belong."""
    assert case.candidate is not None
    does = step.function or UNNAMED
    segment, values = case.segment, steps_of(case).values
    assert segment is not None
    source, end = step.source, step.unit.output
    nodes = step.unit.nodes
    value = values.get(source, "")
    keys = reader_keys(case, step, value) if value else set()
    if keys:
        change = insert_graft(case, nodes, {source: value}, end, keys)
        where = case.candidate.producer(value) or _first_reader(case, value)
        told, group = (nodes[-1], where), (kind, value, does)
        yield FunctionFault(kind, does, IDENTITY, told, change, step, group)
    target = segment.output.candidate
    if end == segment.output.reference and case.candidate.producer(target):
        change = insert_graft(case, nodes, {source: target}, end)
        where = segment.candidate[-1]
        told = nodes[-1], where
        yield FunctionFault(kind, does, IDENTITY, told, change, step)


def _first_reader(case: Case, value: str) -> Node:
    assert case.segment is not None
    return next(n for n in case.segment.candidate if value in n.inputs)


def _extra(case: Case, kind: str, step: Step) -> FunctionFault:
    does = step.function or UNNAMED
    node = _telling(step)
    change = bypass(step.unit.output, step.source)
    found = next(readers(step, step.unit.output), None)
    partner = None
    if found is not None:
        partner = next((a for a, b in case.pairs if b is found), None)
    return FunctionFault(kind, IDENTITY, does, (partner, node), change, step)
