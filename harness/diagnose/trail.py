"""Both graphs run in pieces, and the cases that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import BackendError
from harness.diagnose.case import Case
from harness.diagnose.locate import Location, locate
from harness.diagnose.prepare import (
    input_cuts,
    output_cuts,
    read_file,
    samples_for,
    worst_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from harness.diagnose.prepare import File
    from harness.diagnose.question import DriftQuestion
    from harness.diagnose.stream import Side

_PIECES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """Where a candidate parts from the reference, with what can be tried there.

    Attributes:
        location: The guilty segments.
        reference: Runs the reference.
        candidate: Runs the candidate.
        model: The candidate's file.
    """

    location: Location
    reference: Side
    candidate: Side
    model: onnx.ModelProto

    def cases(self, question: DriftQuestion) -> Iterator[Case]:
        """One case a guilty segment, in the candidate's order."""
        for guilty in self.location.guilty:
            yield Case(
                reference=self.reference.graph,
                candidate=self.candidate.graph,
                model=self.model,
                reference_outputs=question.reference_outputs,
                candidate_outputs=question.candidate_outputs,
                class_names=question.class_names,
                segment=guilty.segment,
                evidence=guilty.evidence,
                floor=guilty.floor,
                rerun=question.rerun,
                sides=(self.reference, self.candidate),
            )


def follow(
    question: DriftQuestion, reference: File, candidate: File, model: onnx.ModelProto
) -> Trail | None:
    """Run both models in pieces and find where they part.

    Args:
        question: What is asked.
        reference: The reference, read for one sample.
        candidate: The candidate, likewise.
        model: The candidate as far as it was repaired.

    Returns:
        None where nothing can be run: no runtime, or no inputs to feed.

    Raises:
        BackendError: A piece of a model does not run.
    """
    if not question.reference_feeds or not question.candidate_feeds:
        return None
    n, most = samples_for(question, reference, candidate)
    try:
        return _followed(question, reference, candidate, model, n)
    except BackendError:
        if n == most:
            raise
        # A file may have the number of samples written into it.
        return _followed(question, reference, candidate, model, most)


def _followed(
    question: DriftQuestion,
    reference: File,
    candidate: File,
    model: onnx.ModelProto,
    n: int,
) -> Trail | None:
    run, shapes = question.run_graph, question.sample_shapes
    if run is None:
        return None
    rows = worst_rows(question, n)
    fed = question.reference_feeds, question.candidate_feeds
    mine = read_file(reference.model, fed[0], rows, shapes, reference.graph)
    # Edits add initializers and leave those that there are.
    other = read_file(model, fed[1], rows, shapes, candidate.graph)
    piece = question.budget.n_bytes // _PIECES
    ours, theirs = mine.side(run, piece), other.side(run, piece)
    ends = [
        *input_cuts(mine, other),
        *output_cuts(question, mine.graph, other.graph),
    ]
    budget = question.budget.n_bytes // 3
    location = locate(question.variant, ours, theirs, ends, budget, n)
    return Trail(location, ours, theirs, model)
