"""The public door: two models and what they answered, in; causes, out.

The order of events: outputs that agree end it. What the outputs alone tell is tried
first. Then both graphs are aligned and the segments that inject error are found, each
is named by the probes, and what they suggest is proven on the whole candidate. While
error is left, the repaired candidate is looked at again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison import distance
from harness.core.errors import BackendError, ComparisonError
from harness.diagnose.case import Case
from harness.diagnose.edits import edited
from harness.diagnose.grouping import Lead, group
from harness.diagnose.naming import explain, suspects_of
from harness.diagnose.prepare import File, read_file
from harness.diagnose.prove import Verdict, settle
from harness.diagnose.question import Diagnosis, DriftQuestion
from harness.diagnose.static import static_cases
from harness.diagnose.trail import Trail, follow
from harness.graphs.onnx_graph import load_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import onnx

    from harness.core.findings import ErrorProfile
    from harness.core.protocols import Arrays
    from harness.diagnose.cause import Suspect

# float32 rounding through a network, relative to its largest output.
_RELATIVE_FLOOR = 1e-5
_PEELS = 3


def diagnose(question: DriftQuestion) -> Diagnosis:
    """Find, name and prove what makes a candidate part from the reference.

    Returns:
        Findings with the root cause first. None where the outputs agree within the
        floor, whatever the files look like, and none where no known cause is found.

    Raises:
        ModelLoadError: A model file cannot be read.
    """
    floor = _floor(question)
    if not _drifts(question, floor):
        return Diagnosis()
    return _Search(question, floor).answer()


class _Search:
    """One diagnosis: what is read once, and what is found on the way."""

    def __init__(self, question: DriftQuestion, floor: float) -> None:
        self._question = question
        self._floor = floor
        self._model = _read(question.candidate_model)
        self._reference = _read(question.reference_model)
        self._mine = _file(self._reference, question, question.reference_feeds)
        self._other = _file(self._model, question, question.candidate_feeds)
        self._notices: list[str] = []
        self._stopped = False
        self._trail: Trail | None = None

    def answer(self) -> Diagnosis:
        """Outside first, then along the graphs until nothing more is explained."""
        suspects = self._outside()
        verdict = self._settled(suspects)
        for _ in range(_PEELS):
            if not self._left(verdict) or self._late():
                break
            more = self._inside(verdict.proven)
            known = {s.label for s in suspects if s.node is not None}
            fresh = [s for s in more if s.label not in known or not verdict.proven]
            if not fresh:
                break
            suspects += fresh
            verdict = self._settled(suspects)
            if not verdict.proven:
                break
        return self._told(verdict)

    def _settled(self, suspects: Sequence[Suspect]) -> Verdict:
        return settle(self._question, self._model, group(suspects), self._floor)

    def _left(self, verdict: Verdict) -> bool:
        """Whether error is left that nothing explains yet."""
        if verdict.joint is None:
            return not any(f.severity == "error" for f in verdict.findings)
        return verdict.joint.max_abs_error > self._floor

    def _outside(self) -> list[Suspect]:
        return suspects_of(self._case(), "outside")

    def _inside(self, proven: Sequence[Lead]) -> list[Suspect]:
        """Suspects along the graphs of the reference and the candidate as repaired."""
        mine, other = self._mine, self._other
        if mine is None or other is None:
            return []
        model = _repaired(other.model, proven)
        try:
            trail = follow(self._question, mine, other, model)
        except (BackendError, ComparisonError) as error:
            self._notices.append(f"looked at the files alone: {error.message}")
            trail = None
        if trail is None:
            other = _file(model, self._question, self._question.candidate_feeds)
            assert other is not None
            cases = static_cases(self._case(), self._question, mine, other)
            return self._explained(cases)
        self._trail = self._trail or trail
        return self._explained(trail.cases(self._question))

    def _explained(self, cases: Iterable[Case]) -> list[Suspect]:
        """What explains these cases, the first of them first, while there is time."""
        found: list[Suspect] = []
        for case in cases:
            if self._late():
                break
            found += explain(case)
        return found

    def _late(self) -> bool:
        budget = self._question.budget
        if budget.is_over and not self._stopped:
            self._stopped = True
            self._notices.append(
                f"stopped looking after {budget.seconds:g} s: there may be more causes"
                " than those found"
            )
        return self._stopped

    def _case(self) -> Case:
        question, mine, other = self._question, self._mine, self._other
        return Case(
            reference=mine.graph if mine else None,
            candidate=other.graph if other else None,
            model=other.model if other else None,
            reference_outputs=question.reference_outputs,
            candidate_outputs=question.candidate_outputs,
            class_names=question.class_names,
            rerun=question.rerun,
        )

    def _told(self, verdict: Verdict) -> Diagnosis:
        repaired = None
        if self._model is not None and verdict.proven:
            whole = _repaired(self._model, verdict.proven)
            repaired = bytes(whole.SerializeToString())
        profile, unmatched = _in_their_words(self._question, self._trail)
        return Diagnosis(
            findings=verdict.findings,
            profile=profile,
            unmatched=unmatched,
            notices=tuple(self._notices),
            repaired=repaired,
        )


def _read(source: Path | bytes | None) -> onnx.ModelProto | None:
    return None if source is None else load_model(source)


def _file(
    model: onnx.ModelProto | None, question: DriftQuestion, feeds: Arrays | None
) -> File | None:
    """A model read for one sample."""
    if model is None:
        return None
    return read_file(model, feeds, np.zeros(1, np.int64), question.sample_shapes)


def _in_their_words(
    question: DriftQuestion, trail: Trail | None
) -> tuple[ErrorProfile | None, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Profile and unmatched nodes, by the names of the original files."""
    if trail is None:
        return None, ((), ())
    ours, theirs = question.reference_nodes, question.candidate_nodes
    profile, (mine, other) = trail.location.profile, trail.location.unmatched
    steps = tuple(
        replace(
            step,
            candidate_node=theirs.get(step.candidate_node, step.candidate_node),
            reference_node=ours.get(step.reference_node, step.reference_node),
        )
        for step in profile.steps
    )
    named = tuple(ours.get(k, k) for k in mine), tuple(theirs.get(k, k) for k in other)
    return replace(profile, steps=steps), named


def _repaired(model: onnx.ModelProto, proven: Sequence[Lead]) -> onnx.ModelProto:
    changes = [lead.edit.change for lead in proven if lead.edit is not None]
    return edited(model, changes) if changes else model


def _floor(question: DriftQuestion) -> float:
    largest = 0.0
    for array in question.reference_outputs.values():
        if array.dtype.kind == "f":
            finite = np.abs(array[np.isfinite(array)])
            largest = max(largest, float(finite.max(initial=0.0)))
    return question.atol + _RELATIVE_FLOOR * largest


def _drifts(question: DriftQuestion, floor: float) -> bool:
    try:
        apart = distance(question.reference_outputs, question.candidate_outputs)
    except ComparisonError:
        # Shapes that differ are drift, and a graph may tell why.
        return True
    return apart.max_abs_error > floor
