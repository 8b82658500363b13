"""PRE001: the input is scaled or shifted otherwise before the first layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.function_faults import function_faults
from harness.diagnose.grafts import bypass, graft, insert_graft
from harness.diagnose.steps import Step, reader_keys, steps_of
from harness.graphs.units import root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.edits import Change

CAUSE = Cause(
    code="PRE001",
    slug="preprocess.affine",
    line="the input is scaled or shifted otherwise",
    hint="apply the training's preprocessing once: in the model or before it, with its "
    "mean, its deviation and its range (0 to 1, -1 to 1, 0 to 255)",
    rank=15,
)
_ARITHMETIC = frozenset({"Mul", "Div", "Add", "Sub"})


def look(case: Case) -> Iterator[Suspect]:
    """Factors and offsets between an input and the first layer."""
    for fault in function_faults(case, "factor"):
        if _at_input(case, fault.step):
            yield fault.suspect(case, CAUSE)
    yield from _leading(case)
    yield from _by_channel(case)


def _at_input(case: Case, step: Step) -> bool:
    """Whether a step reads what one of the models is fed."""
    mine, other = case.reference, case.candidate
    assert mine is not None
    assert other is not None
    for graph in (mine, other):
        if step.source in graph.values and root(graph, step.source) in graph.inputs:
            return True
    cuts = case.segment.inputs if case.segment else ()
    fed = {c.candidate for c in cuts if root(mine, c.reference) in mine.inputs}
    return step.source in fed


def _leading(case: Case) -> Iterator[Suspect]:
    """Factors that run into the function behind them."""
    for mine, other in steps_of(case).pairs:
        ours, theirs = mine.unit.nodes, other.unit.nodes
        count = len(theirs) - len(ours)
        if other.curve is None or count < 1 or not _at_input(case, other):
            continue
        first, rest = theirs[:count], theirs[count:]
        same = [n.op_type for n in rest] == [n.op_type for n in ours]
        if same and all(n.op_type in _ARITHMETIC for n in first):
            change = bypass(first[-1].key, other.source)
            step = Step(other.graph, replace(other.unit, nodes=first))
            yield _suspect(case, mine, step, change, "scaled or shifted once more")


def _by_channel(case: Case) -> Iterator[Suspect]:
    """Constants a channel: additions and factors that differ, or that one side has."""
    steps = steps_of(case)
    for mine, other in steps.pairs:
        if mine.adds and other.adds and _at_input(case, other):
            given = {mine.source: other.source}
            target = other.unit.output
            change = graft(case, mine.unit.nodes, given, mine.unit.output, target)
            yield _suspect(case, mine, other, change, "scaled by other numbers")
    for step in steps.extra:
        if step.adds and step.curve is None and _at_input(case, step):
            change = bypass(step.unit.output, step.source)
            yield _suspect(case, None, step, change, "scaled or shifted once more")
    for step in steps.missing:
        value = steps.values.get(step.source)
        if step.adds and step.curve is None and value and _at_input(case, step):
            given, end = {step.source: value}, step.unit.output
            keys = reader_keys(case, step, value)
            if keys:
                change = insert_graft(case, step.unit.nodes, given, end, keys)
                yield _suspect(case, step, None, change, "not scaled and shifted")


def _suspect(
    case: Case,
    mine: Step | None,
    other: Step | None,
    change: Change | None,
    words: str,
) -> Suspect:
    ours = mine.unit.nodes[-1] if mine else None
    theirs = other.unit.nodes[-1] if other else case.nodes_of("candidate")[0]
    said = say(
        f"the input is {words} at '{theirs.label}'",
        f"does it in '{ours.label}'" if ours else "does not",
        words,
    )
    text = f"prepare the input at '{theirs.label}' as the reference does"
    edit = None if change is None else (text, change)
    return case.suspect(CAUSE, (ours, theirs), said, edit)


PROBE = CauseProbe(CAUSE, look)
