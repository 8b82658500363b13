"""TRC001: what depends on the input was written down as it was when traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import BackendError
from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe
from harness.diagnose.piecewise import replaced
from harness.diagnose.steps import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.graphs.model import Node

CAUSE = Cause(
    code="TRC001",
    slug="trace.constant",
    line="a value that depends on the input was frozen when the model was traced",
    hint="export with symbolic shapes (dynamic_shapes, dynamic_axes), and let no value "
    "pass through Python or NumPy while tracing",
    rank=15,
)
_PLAIN = frozenset({"Cast", "Identity", "QuantizeLinear", "DequantizeLinear"})


def look(case: Case) -> Iterator[Suspect]:
    """Constants where the reference computes, and counts that were written down."""
    for ours, theirs in _pairs(case):
        if theirs.op_type not in _PLAIN and (read := _frozen_input(case, ours, theirs)):
            yield from _frozen(case, ours, theirs, read)
    yield from _count(case)


def _pairs(case: Case) -> Iterator[tuple[Node, Node]]:
    """Nodes of one operator; with an input frozen they may be paired wrongly."""
    steps = steps_of(case)
    mine = [n for step in steps.missing for n in step.unit.nodes]
    other = [n for step in steps.extra for n in step.unit.nodes]
    crossed = [(a, b) for a in mine for b in other if a.op_type == b.op_type]
    ends = [(case.nodes_of(s) or (None,))[-1] for s in ("reference", "candidate")]
    if ends[0] and ends[1] and ends[0].op_type == ends[1].op_type:
        crossed.append((ends[0], ends[1]))
    yield from dict.fromkeys((*case.pairs, *crossed))


def _frozen_input(case: Case, ours: Node, theirs: Node) -> tuple[str, str] | None:
    """(what the reference computes from its input, what the candidate fixes)."""
    mine, other = case.reference, case.candidate
    assert mine is not None
    assert other is not None
    moved = [k for k in ours.inputs if k and mine.constant(k) is None]
    kept = [k for k in theirs.inputs if k and other.constant(k) is not None]
    if len(moved) + len(kept) <= len([k for k in theirs.inputs if k]):
        return None
    for name in moved:
        shape = mine.static_shape(name)
        for fixed in kept:
            array = other.constant(fixed)
            assert array is not None
            known = shape is None or len(shape) == array.ndim
            if known and array.size > 1:
                return name, fixed
    return None


def _frozen(
    case: Case, ours: Node, theirs: Node, read: tuple[str, str]
) -> Iterator[Suspect]:
    mine, other = read
    seen = _sample(case, mine, other)
    when = "" if seen is None else f", as it is for sample {seen}"
    said = say(
        f"{theirs.op_type} '{theirs.label}' reads the constant '{other}'{when}; the "
        f"reference computes it ('{mine}') from its input",
        f"computes '{mine}'",
        f"reads the constant '{other}'",
    )
    found = replaced(case, CAUSE, said, (ours, theirs))
    if found is not None:
        yield found


def _sample(case: Case, mine: str, other: str) -> int | None:
    """The sample for which the constant is right."""
    assert case.candidate is not None
    fixed, value = case.candidate.constant(other), _value(case, mine)
    if fixed is None or value is None or value.shape[1:] != fixed.shape[1:]:
        return None
    for i, sample in enumerate(value):
        if np.allclose(sample, fixed[0], rtol=1e-4, atol=1e-6):
            return i
    return None


def _value(case: Case, name: str) -> Array | None:
    if case.evidence is None or case.segment is None:
        return None
    if name in case.evidence.reference_feeds:
        return case.evidence.reference_feeds[name]
    if not any(name in node.outputs for node in case.segment.reference):
        return None
    try:
        return case.inside("reference", [name])[name]
    except BackendError:
        # It only serves the explanation.
        return None


def _count(case: Case) -> Iterator[Suspect]:
    """A sum times a constant in place of a mean."""
    means = case.nodes_of("reference", "ReduceMean", "GlobalAveragePool")
    sums = case.nodes_of("candidate", "ReduceSum")
    lengths = case.nodes_of("candidate", "Mul", "Div")
    if not means or not sums or not lengths or case.nodes_of("candidate", "ReduceMean"):
        return
    said = say(
        f"ReduceSum '{sums[0].label}' and a constant of '{lengths[-1].label}' stand "
        f"for the mean of '{means[0].label}': the count was that of another length",
        "divides by the count as it is",
        "divides by a count that was written down",
    )
    found = replaced(case, CAUSE, said, (means[0], sums[0]))
    if found is not None:
        yield found


PROBE = CauseProbe(CAUSE, look)
