"""Why a candidate parts from the reference: graphs of the files.

The reference may be a file whose graph cannot be read here (a Keras model replayed
from a recording, say). Then another variant speaks for it: the first float ONNX file
of the suite whose answers agree with the reference's to float32 noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.backends.detect import detect_form
from harness.backends.onnx_pieces import run_graph
from harness.comparison import distance
from harness.core.errors import HarnessError
from harness.diagnose import (
    Budget,
    Diagnosis,
    DriftQuestion,
    diagnose,
    outputs_agree,
)
from harness.pipeline.graphs import GraphView, graph_is_seen, graph_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.comparison import ComparisonResult
    from harness.core.protocols import Array, GoldenSource, Rerun, RerunError
    from harness.core.results import Finding, OutputComparison
    from harness.core.specs import Suite, VariantSpec
    from harness.pipeline.comparing import Candidate, Pass

# float32 rounding through a network leaves 100 to 140 dB; a changed epsilon, 40 to 60.
_AGREEING_SQNR_DB = 90.0
FLOAT_KINDS = frozenset({"original", "converted", "frozen", "optimized"})
"""Kinds of variants that hold the reference's numbers."""


def may_speak(suite: Suite) -> tuple[VariantSpec, ...]:
    """Variants whose file may speak for the reference, the likeliest first."""
    reference = suite.variant(suite.reference)
    others = [v for v in suite.candidates if v.kind in FLOAT_KINDS]
    return tuple(v for v in (reference, *others) if graph_is_read(v.path))


def graph_is_read(path: Path) -> bool:
    """Whether the graph of this file can be read here."""
    try:
        return detect_form(path).name == "onnx"
    except HarnessError:
        # Opening the variant says what is wrong with the file.
        return False


def find_speaker(
    suite: Suite, results: Mapping[str, ComparisonResult]
) -> VariantSpec | None:
    """The variant that speaks for the reference's graph."""
    for spec in may_speak(suite):
        if spec.name == suite.reference:
            return spec
        result = results.get(spec.name)
        if result is not None and agrees(result):
            return spec
    return None


def agrees(result: ComparisonResult) -> bool:
    """Whether its answers are the reference's but for float32 noise."""
    return all(map(_agrees, result.outputs))


def _agrees(output: OutputComparison) -> bool:
    if output.n_nonfinite or output.max_abs_error is None:
        return False
    return output.sqnr_db is None or output.sqnr_db >= _AGREEING_SQNR_DB


def explain(
    suite: Suite,
    source: GoldenSource,
    state: Pass,
    candidate: Candidate,
    speaker: VariantSpec | None,
    budget: Budget | None = None,
) -> Diagnosis:
    """Find, name and prove what makes this candidate part from the reference.

    Raises:
        HarnessError: A model file is broken.
    """
    if _agrees_unread(state, candidate):
        return Diagnosis()
    mine = reference_graph(suite, source, state, speaker)
    other = _candidate_graph(suite, source, state, candidate)
    candidate.unseen = other if isinstance(other, str) else None
    ours = mine if isinstance(mine, GraphView) else None
    theirs = other if isinstance(other, GraphView) else None
    told = diagnose(
        DriftQuestion(
            variant=candidate.spec.name,
            reference_model=ours.model if ours else None,
            candidate_model=theirs.model if theirs else None,
            reference_outputs=state.reference.arrays(_n_samples(state, candidate)),
            candidate_outputs=candidate.evidence.arrays(_n_samples(state, candidate)),
            class_names=state.class_names,
            rerun=_rerun(suite, source, state, candidate, theirs) if theirs else None,
            reference_feeds=_feeds(suite, source, state, ours),
            candidate_feeds=_feeds(suite, source, state, theirs),
            run_graph=run_graph,
            output_names=_output_names(state, candidate, ours.spec if ours else None),
            reference_nodes=ours.nodes if ours else {},
            candidate_nodes=theirs.nodes if theirs else {},
            budget=budget or Budget(),
        )
    )
    findings = tuple(map(theirs.said, told.findings)) if theirs else told.findings
    asked = ((suite.variant(suite.reference), mine), (candidate.spec, other))
    missing = (v for s, v in asked if isinstance(v, str) and graph_is_seen(s))
    return replace(told, findings=findings, notices=(*told.notices, *missing))


def _agrees_unread(state: Pass, candidate: Candidate) -> bool:
    """Whether there is nothing to explain, so that no file need be translated."""
    if graph_is_read(candidate.spec.path):
        return False
    n_samples = _n_samples(state, candidate)
    reference = state.reference.arrays(n_samples)
    return outputs_agree(reference, candidate.evidence.arrays(n_samples), None)


def _feeds(
    suite: Suite, source: GoldenSource, state: Pass, view: GraphView | None
) -> dict[str, Array] | None:
    return view.feeds(suite, source, state.inputs.arrays()) if view else None


def _candidate_graph(
    suite: Suite, source: GoldenSource, state: Pass, candidate: Candidate
) -> GraphView | str:
    n_samples = _n_samples(state, candidate)
    outputs = candidate.evidence.arrays(n_samples)
    answers = {theirs: outputs[ours] for ours, theirs in candidate.pairs.items()}
    inputs = state.inputs.arrays(n_samples)
    return graph_of(suite, source, candidate.spec, inputs, answers)


def reference_graph(
    suite: Suite, source: GoldenSource, state: Pass, speaker: VariantSpec | None
) -> GraphView | str:
    """The graph that speaks for the reference: the speaker's, else its own."""
    if state.graph is None:
        state.graph = _spoken_graph(suite, source, state, speaker)
    return state.graph


def _spoken_graph(
    suite: Suite, source: GoldenSource, state: Pass, speaker: VariantSpec | None
) -> GraphView | str:
    if speaker is not None and graph_is_read(speaker.path):
        return GraphView(speaker, speaker.path, speaker.options)
    spec = suite.variant(suite.reference)
    n_samples = min(len(state.inputs), len(state.reference))
    inputs, answers = state.inputs.arrays(n_samples), state.reference.arrays(n_samples)
    found = graph_of(suite, source, spec, inputs, answers)
    return f"the reference: {found}" if isinstance(found, str) else found


def _output_names(
    state: Pass, candidate: Candidate, speaker: VariantSpec | None
) -> dict[str, tuple[str, str]]:
    """Reference's output -> (what the speaker calls it, what the candidate does)."""
    told = state.candidates.get(speaker.name) if speaker else None
    spoken = told.pairs if told else {}
    pairs = candidate.pairs.items()
    return {ours: (spoken.get(ours, ours), theirs) for ours, theirs in pairs}


def _n_samples(state: Pass, candidate: Candidate) -> int:
    """Samples that everybody has kept."""
    return min(map(len, (state.inputs, state.reference, candidate.evidence)))


def _rerun(
    suite: Suite,
    source: GoldenSource,
    state: Pass,
    candidate: Candidate,
    view: GraphView,
) -> Rerun:
    """Runs an edited candidate on the evidence samples, fed as the candidate is."""
    n_samples = _n_samples(state, candidate)
    inputs = state.inputs.arrays(n_samples)
    reference = state.reference.arrays(n_samples)

    def rerun(model: bytes) -> RerunError:
        answers = view.predict(suite, source, inputs, model)
        paired = {ours: answers[theirs] for ours, theirs in candidate.pairs.items()}
        return distance(reference, paired, state.class_names)

    return rerun


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors before warnings before notes; otherwise as they were found."""
    rank = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(findings, key=lambda finding: rank[finding.severity]))
