"""The one pass: golden data through everyone, each candidate held to the reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.compare import Comparison, ComparisonBatch, pair_outputs
from harness.core.errors import HarnessError
from harness.gate import limits_for
from harness.run import Failure, Lane, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.compare import ComparisonResult
    from harness.core.protocols import Array, Arrays, GoldenSource
    from harness.core.specs import Suite, VariantSpec
    from harness.pipeline.opening import Opened
    from harness.run import Predictor, Window

# Samples kept for evidence and for reruns of edited candidates, and their most bytes.
EVIDENCE_SAMPLES = 64
_EVIDENCE_BYTES = 64 << 20


@dataclass(slots=True, eq=False)
class Candidate:
    """A candidate in the pass.

    Attributes:
        spec: As the suite declares it.
        lane: Where it runs, and whether it still does.
        pairs: Reference output name -> its own; known after the first window.
        evidence: Its answers on the evidence samples, by the reference's names.
        comparison: Takes in every window; made at the first.
    """

    spec: VariantSpec
    lane: Lane
    pairs: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, Array] = field(default_factory=dict)
    comparison: Comparison | None = None

    def result(self) -> ComparisonResult | None:
        """What the comparison found; None when the candidate left on its way."""
        if self.lane.failure is not None or self.comparison is None:
            return None
        return self.comparison.result()


@dataclass(slots=True, eq=False)
class Pass:
    """What one pass over the golden data leaves behind.

    Attributes:
        inputs: Golden inputs of the evidence samples.
        reference: The reference's answers on them.
        candidates: By name.
        class_names: Names of the classes; None where the task has none.
        class_counts: Labels a class; None without labels.
    """

    inputs: dict[str, Array]
    reference: dict[str, Array]
    candidates: dict[str, Candidate]
    class_names: tuple[str, ...] | None
    class_counts: Array | None = None


def run_pass(
    suite: Suite,
    source: GoldenSource,
    cast: Mapping[str, Opened],
    progress: Callable[[int, int], None] | None = None,
) -> Pass:
    """Run every variant over the golden data, once, and compare as it goes.

    Args:
        suite: What was asked.
        source: The golden data.
        cast: Opened variants by name; the reference must be among them and run.
        progress: Told (samples done, samples in all) after each window.

    Raises:
        HarnessError: The golden data or the reference fails.
    """
    candidates = {
        name: Candidate(opened.spec, Lane(opened.predictor))
        for name, opened in cast.items()
        if name != suite.reference and opened.predictor is not None
    }
    reference = _predictor(cast[suite.reference])
    state = Pass({}, {}, candidates, source.class_names)
    lanes = {name: candidate.lane for name, candidate in candidates.items()}
    for window in stream(source, reference, lanes, progress):
        _count_classes(state, window)
        room = _room(state, window)
        _keep(state.inputs, window.chunk.inputs, room)
        _keep(state.reference, window.reference, room)
        for name, answers in window.candidates.items():
            _compare(suite, state, candidates[name], window, (answers, room))
    return state


def _compare(
    suite: Suite,
    state: Pass,
    candidate: Candidate,
    window: Window,
    answered: tuple[Arrays, int],
) -> None:
    """Hold one window; what cannot be compared takes the candidate out of the pass."""
    answers, room = answered
    chunk = window.chunk
    try:
        if candidate.comparison is None:
            _begin(suite, state, candidate, (window.reference, answers))
        paired = {ours: answers[theirs] for ours, theirs in candidate.pairs.items()}
        _keep(candidate.evidence, paired, room)
        batch = ComparisonBatch(
            chunk.rows, window.reference, paired, chunk.labels, chunk.sample_ids
        )
        _started(candidate).update(batch)
    except HarnessError as error:
        candidate.lane.failure = Failure(error, chunk.rows.start)


def _begin(
    suite: Suite, state: Pass, candidate: Candidate, first: tuple[Arrays, Arrays]
) -> None:
    """Pair outputs on the first window, and make the comparison."""
    reference, answers = first
    candidate.pairs = pair_outputs(reference, answers, candidate.spec.outputs)
    limits = limits_for(candidate.spec)
    candidate.comparison = Comparison(
        task=suite.task,
        pairs=candidate.pairs,
        atol=limits.atol or 0.0,
        rtol=limits.rtol or 0.0,
        class_names=state.class_names,
    )


def _started(candidate: Candidate) -> Comparison:
    assert candidate.comparison is not None  # _begin ran first
    return candidate.comparison


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


def _room(state: Pass, window: Window) -> int:
    """Samples of this window that the evidence still has room for."""
    kept = len(next(iter(state.reference.values()), ()))
    arrays: list[Array] = [*window.reference.values(), *window.chunk.inputs.values()]
    rows = window.chunk.rows.stop - window.chunk.rows.start
    a_sample = max(1, sum(int(array.nbytes) for array in arrays) // rows)
    most: int = max(1, min(EVIDENCE_SAMPLES, _EVIDENCE_BYTES // a_sample))
    return max(0, most - kept)


def _keep(kept: dict[str, Array], arrays: Arrays, room: int) -> None:
    """Append the first `room` samples; copies, so that the window can be freed."""
    if room == 0:
        return
    for name, array in arrays.items():
        head = array[:room].copy()
        kept[name] = np.concatenate([kept[name], head]) if name in kept else head
