"""The one pass: golden data through everyone, each candidate held to the reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison import (
    Comparison,
    ComparisonBatch,
    Scoring,
    Slicing,
    pair_outputs,
)
from harness.core.errors import HarnessError, SuiteError
from harness.core.tolerances import Calibrated
from harness.gate import tolerances_for
from harness.pipeline.evidence import Evidence
from harness.pipeline.suspicions import Suspicions
from harness.run import Failure, Lane, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.comparison import ComparisonResult
    from harness.core.protocols import Array, GoldenSource
    from harness.core.specs import Suite, VariantSpec
    from harness.pipeline.graphs import GraphView
    from harness.pipeline.opening import Opened
    from harness.run import Predictor, Window


@dataclass(slots=True, eq=False)
class Candidate:
    """A candidate in the pass.

    Attributes:
        spec: As the suite declares it.
        lane: Where it runs, and whether it still does.
        pairs: Reference output name -> its own; known after the first window.
        evidence: Its answers on the first samples, by the reference's names.
        comparison: Takes in every window; made at the first.
        unseen: Why its graph cannot be looked into; None where it can, or where
            nobody had to look.
    """

    spec: VariantSpec
    lane: Lane
    pairs: dict[str, str] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    comparison: Comparison | None = None
    unseen: str | None = None

    def result(self) -> ComparisonResult | None:
        """What the comparison found; None when the candidate left on its way."""
        if self.lane.failure is not None or self.comparison is None:
            return None
        return self.comparison.result()


@dataclass(slots=True, eq=False)
class Pass:
    """What one pass over the golden data leaves behind.

    Attributes:
        candidates: By name.
        class_names: Names of the classes; None where the task has none.
        class_counts: Labels a class; None without labels.
        inputs: Golden inputs of the first samples.
        reference: The reference's answers on them.
        suspicions: What looks wrong with data, labels and reference.
        calibrated: What a lock says of each candidate.
        graph: What speaks for the reference's graph, or why nothing does; None until
            somebody asks.
    """

    candidates: dict[str, Candidate]
    class_names: tuple[str, ...] | None
    class_counts: Array | None = None
    inputs: Evidence = field(default_factory=Evidence)
    reference: Evidence = field(default_factory=Evidence)
    suspicions: Suspicions | None = None
    calibrated: Mapping[str, Calibrated] = field(default_factory=dict)
    graph: GraphView | str | None = None


def run_pass(
    suite: Suite,
    source: GoldenSource,
    cast: Mapping[str, Opened],
    progress: Callable[[int, int], None] | None = None,
    calibrated: Mapping[str, Calibrated] | None = None,
) -> Pass:
    """Run every variant over the golden data, once, and compare as it goes.

    Args:
        suite: What was asked.
        source: The golden data.
        cast: Opened variants by name; the reference must be among them and run.
        progress: Told (samples done, samples in all) after each window.
        calibrated: What a lock says of each candidate.

    Raises:
        HarnessError: The golden data or the reference fails.
    """
    candidates = {
        name: Candidate(opened.spec, Lane(opened.predictor))
        for name, opened in cast.items()
        if name != suite.reference and opened.predictor is not None
    }
    reference = _predictor(cast[suite.reference])
    suspicions = Suspicions(suite, source)
    state = Pass(candidates, source.class_names, suspicions=suspicions)
    state.calibrated = calibrated or {}
    lanes = {name: candidate.lane for name, candidate in candidates.items()}
    for window in stream(source, reference, lanes, progress):
        _count_classes(state, window)
        suspicions.update(window)
        state.inputs.add(window.chunk.inputs)
        state.reference.add(window.reference)
        for name in window.candidates:
            _compare(suite, state, candidates[name], window)
    return state


def _compare(suite: Suite, state: Pass, candidate: Candidate, window: Window) -> None:
    """Hold one window; what cannot be compared takes the candidate out of the pass."""
    answers = window.candidates[candidate.spec.name]
    chunk = window.chunk
    try:
        if candidate.comparison is None:
            candidate.comparison = _begin(suite, state, candidate, window)
        paired = {ours: answers[theirs] for ours, theirs in candidate.pairs.items()}
        candidate.evidence.add(paired)
        batch = ComparisonBatch(
            chunk.rows,
            window.reference,
            paired,
            chunk.labels,
            chunk.sample_ids,
            chunk.targets,
            chunk.metadata,
            chunk.inputs,
        )
        candidate.comparison.update(batch)
    except SuiteError:
        raise
    except HarnessError as error:
        candidate.lane.failure = Failure(error, chunk.rows.start)


def _begin(
    suite: Suite, state: Pass, candidate: Candidate, window: Window
) -> Comparison:
    """Pair outputs on the first window, and make the comparison."""
    answers = window.candidates[candidate.spec.name]
    candidate.pairs = pair_outputs(window.reference, answers, candidate.spec.outputs)
    measured = state.calibrated.get(candidate.spec.name, Calibrated()).outputs
    sides = {
        ours: (window.reference[ours].dtype.name, answers[theirs].dtype.name)
        for ours, theirs in candidate.pairs.items()
    }
    both = {
        output: tolerances_for(candidate.spec, output, measured, dtypes)
        for output, dtypes in sides.items()
    }
    return Comparison(
        scoring=scoring_of(suite),
        pairs=candidate.pairs,
        atol={output: atol for output, (atol, _) in both.items()},
        rtol={output: rtol for output, (_, rtol) in both.items()},
        class_names=state.class_names,
    )


def scoring_of(suite: Suite) -> Scoring:
    """How a suite's outputs are scored, and its data cut."""
    plain = (*suite.golden.metadata, suite.golden.group or "group")
    slicing = Slicing(suite.slices, plain, suite.min_slice)
    return Scoring(suite.task, suite.task_options, slicing)


def _predictor(opened: Opened) -> Predictor:
    assert opened.predictor is not None  # the caller checked
    return opened.predictor


def _count_classes(state: Pass, window: Window) -> None:
    labels = window.chunk.labels
    if labels is None:
        return
    counts = np.bincount(labels, minlength=len(state.class_names or ()))
    seen = state.class_counts
    if seen is None:
        state.class_counts = counts
        return
    width = max(len(seen), len(counts))
    state.class_counts = _widened(seen, width) + _widened(counts, width)


def _widened(counts: Array, width: int) -> Array:
    return np.pad(counts, (0, width - len(counts)))
