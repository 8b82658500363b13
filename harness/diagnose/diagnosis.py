"""The public door: two models and what they answered, in; causes, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison import distance
from harness.core.errors import ComparisonError
from harness.diagnose.align import align
from harness.diagnose.context import Context
from harness.diagnose.differences import compare_layers
from harness.diagnose.probes import PROBES
from harness.diagnose.prove import settle
from harness.graphs.onnx_graph import load_model, read_graph

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Arrays, Rerun
    from harness.core.results import Finding

# float32 rounding through a network, relative to its largest output.
_RELATIVE_FLOOR = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class DriftQuestion:
    """Why does this candidate part from the reference?

    Attributes:
        variant: Name of the candidate.
        reference_model: ONNX file that speaks for the reference's graph: the
            reference itself, or a variant that agrees with it.
        candidate_model: The candidate's ONNX file; None where it is of another form.
        reference_outputs: Output name -> array over the evidence samples, a few
            dozen; axis 0 counts samples.
        candidate_outputs: Likewise, under the reference's names.
        class_names: Names of the columns of a classifier's scores.
        rerun: Runs an edited candidate on the same samples; None proves nothing.
        atol: Differences of outputs up to this are no drift; 1e-5 of the largest
            output is added.
        sample_shapes: Model input name -> shape of one sample, for inputs whose file
            leaves lengths free.
    """

    variant: str
    reference_model: Path | None
    candidate_model: Path | None
    reference_outputs: Arrays
    candidate_outputs: Arrays
    class_names: tuple[str, ...] | None = None
    rerun: Rerun | None = None
    atol: float = 1e-6
    sample_shapes: Mapping[str, tuple[int, ...]] | None = None


def diagnose(question: DriftQuestion) -> tuple[Finding, ...]:
    """Find, name and prove what makes a candidate part from the reference.

    Returns:
        The root cause first. Nothing where the outputs agree within the floor,
        whatever the files look like, and nothing where no known cause is found.

    Raises:
        ModelLoadError: A model file cannot be read.
    """
    floor = _floor(question)
    if not _drifts(question, floor):
        return ()
    context = _context(question, floor)
    leads = [lead for probe in PROBES for lead in probe.run(context)]
    return settle(context, leads)


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


def _context(question: DriftQuestion, floor: float) -> Context:
    shapes = question.sample_shapes
    path = question.candidate_model
    model = load_model(path) if path else None
    candidate = read_graph(model, sample_shapes=shapes) if model else None
    reference = None
    if question.reference_model:
        reference = read_graph(question.reference_model, sample_shapes=shapes)
    aligned = align(reference, candidate) if reference and candidate else None
    pairs = aligned.layers if aligned else ()
    return Context(
        variant=question.variant,
        reference=reference,
        candidate=candidate,
        model=model,
        alignment=aligned,
        differences=tuple(d for pair in pairs for d in compare_layers(pair)),
        reference_outputs=question.reference_outputs,
        candidate_outputs=question.candidate_outputs,
        class_names=question.class_names,
        rerun=question.rerun,
        floor=floor,
    )
