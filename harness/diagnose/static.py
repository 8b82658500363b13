"""Cases from files alone, where nothing can be run: aligned by weights and places.

Every pair of units is a segment then; what differs in it is a lead until the whole
candidate proves it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.align import Aligner
from harness.diagnose.cuts import SINGLE
from harness.diagnose.forcing import Apart
from harness.diagnose.prepare import output_cuts, shaped_cut
from harness.diagnose.segments import segment_at
from harness.diagnose.traces import Trace
from harness.graphs.slices import Slicer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.diagnose.case import Case
    from harness.diagnose.cuts import Cut
    from harness.diagnose.prepare import File
    from harness.diagnose.question import DriftQuestion
    from harness.graphs.model import Graph


def static_cases(
    case: Case, question: DriftQuestion, reference: File, candidate: File
) -> Iterator[Case]:
    """One case a pair of aligned units, without evidence."""
    mine, other = reference.graph, candidate.graph
    slicers = Slicer(reference.model, mine), Slicer(candidate.model, other)
    ends = [*_inputs(mine, other), *output_cuts(question, mine, other)]
    aligner = Aligner(mine, other, _shapes(mine), _shapes(other), ends, SINGLE.close)
    aligner.by_structure()
    for name in _in_order(other, aligner.cuts):
        error = Apart(np.inf, np.inf)
        segment = segment_at(*slicers, aligner.cuts, name, error)
        if segment.candidate:
            yield replace(case, segment=segment)


def _in_order(graph: Graph, cuts: dict[str, Cut]) -> list[str]:
    return [k for node in graph.nodes for k in node.outputs if k in cuts]


def _shapes(graph: Graph) -> dict[str, Trace]:
    """Traces of values whose contents are not known."""
    names = [*graph.inputs, *(k for node in graph.nodes for k in node.outputs if k)]
    shapes = {k: s for k in names if (s := graph.static_shape(k)) is not None}
    return {k: _shaped(k, shape) for k, shape in shapes.items()}


def _shaped(name: str, shape: tuple[int, ...]) -> Trace:
    size = int(np.prod(shape, dtype=np.int64))
    nothing = np.full((1,) * len(shape), np.nan)
    numbers = np.zeros(6), 0.0, nothing, nothing.ravel()
    return Trace(name, shape, "f", "float32", size, *numbers)


def _inputs(reference: Graph, candidate: Graph) -> Iterator[Cut]:
    """By name, else by order."""
    others = reference.inputs
    for i, name in enumerate(candidate.inputs):
        mine = name if name in others else others[min(i, len(others) - 1)]
        cut = shaped_cut(reference, candidate, (mine, name), "input")
        if cut is not None:
            yield cut
