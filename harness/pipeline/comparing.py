"""The one pass: golden data through everyone, each candidate held to the reference.

It goes part by part; what a part leaves behind is merged with what came before.
"""

from __future__ import annotations

from copy import deepcopy
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
from harness.pipeline.evidence import EVIDENCE_SAMPLES, Evidence
from harness.pipeline.looks import Looks
from harness.pipeline.suspicions import suspicions_of
from harness.run import Failure, Lane, stream, window_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from harness.comparison import ComparisonResult
    from harness.core.protocols import Array, GoldenSource, IntArray
    from harness.core.specs import Suite, VariantSpec
    from harness.pipeline.graphs import GraphView
    from harness.pipeline.suspicions import Suspicions
    from harness.run import Answering, RunFacts, Window


@dataclass(slots=True, eq=False)
class Candidate:
    """What a candidate's answers were.

    Attributes:
        spec: As the suite declares it.
        facts: What is known of it as it runs.
        pairs: Reference output name -> its own; known after the first window.
        evidence: Its answers on the first samples, by the reference's names.
        comparison: Has taken in every window; made at the first.
        failure: Why it left the pass; None where it answered to the end.
        looks: Inputs of samples that it parts on.
        unseen: Why its graph cannot be looked into; None where it can, or where
            nobody had to look.
    """

    spec: VariantSpec
    facts: RunFacts
    pairs: dict[str, str] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    comparison: Comparison | None = None
    failure: Failure | None = None
    looks: Looks = field(default_factory=Looks)
    unseen: str | None = None

    def merge(self, other: Candidate) -> None:
        """Take in its answers to the samples behind these."""
        self.pairs = self.pairs or other.pairs
        self.evidence.merge(other.evidence)
        self.failure = self.failure or other.failure
        if self.comparison is None:
            self.comparison = other.comparison
        elif other.comparison is not None:
            self.comparison.merge(other.comparison)
        self.looks.merge(other.looks)
        if self.comparison is not None:
            self.looks.keep(self.comparison.shown)

    def result(self) -> ComparisonResult | None:
        """What the comparison found; None when the candidate left on its way."""
        if self.failure is not None or self.comparison is None:
            return None
        try:
            return self.comparison.result()
        except HarnessError as error:
            # Another package's task may answer what is none.
            self.failure = Failure(error, 0)
            return None


@dataclass(slots=True, eq=False)
class Pass:
    """What a pass over golden data, or over a part of them, leaves behind.

    Attributes:
        candidates: By name.
        class_names: Names of the classes; None where the task has none.
        suspicions: What looks wrong with data, labels and reference.
        class_counts: Labels a class; None without labels.
        inputs: Golden inputs of the first samples.
        reference: The reference's answers on them.
        timing: Variant -> seconds in its session, and samples answered.
        calibrated: What a lock says of each candidate.
        graph: What speaks for the reference's graph, or why nothing does; None until
            somebody asks.
        doublings: How often parts as large as this one were merged into it.
    """

    candidates: dict[str, Candidate]
    class_names: tuple[str, ...] | None
    suspicions: Suspicions
    class_counts: Array | None = None
    inputs: Evidence = field(default_factory=Evidence)
    reference: Evidence = field(default_factory=Evidence)
    timing: dict[str, tuple[float, int]] = field(default_factory=dict)
    calibrated: Mapping[str, Calibrated] = field(default_factory=dict)
    graph: GraphView | str | None = None
    doublings: int = 0

    def merge(self, other: Pass) -> None:
        """Take in the part of the same data that comes next."""
        self.suspicions.merge(other.suspicions)
        self._count(other.class_counts)
        self.inputs.merge(other.inputs)
        self.reference.merge(other.reference)
        for name, candidate in other.candidates.items():
            self.candidates[name].merge(candidate)
        for name, (seconds, n) in other.timing.items():
            before, so_far = self.timing.get(name, (0.0, 0))
            self.timing[name] = before + seconds, so_far + n

    def count(self, labels: IntArray | None) -> None:
        """Count the labels of a window."""
        if labels is not None:
            self._count(np.bincount(labels, minlength=len(self.class_names or ())))

    def _count(self, counts: Array | None) -> None:
        seen = self.class_counts
        if seen is None or counts is None:
            self.class_counts = counts if seen is None else seen
            return
        width = max(len(seen), len(counts))
        self.class_counts = _widened(seen, width) + _widened(counts, width)


def fresh_pass(
    suite: Suite,
    source: GoldenSource,
    everyone: Mapping[str, RunFacts],
    calibrated: Mapping[str, Calibrated] | None = None,
    names: Collection[str] | None = None,
    suspicions: Suspicions | None = None,
) -> Pass:
    """A pass that has seen nothing.

    Args:
        suite: What was asked.
        source: The golden data.
        everyone: Variant that runs -> what is known of it, the reference among them.
        calibrated: What a lock says of each candidate.
        names: Candidates that take part; None names all.
        suspicions: Some that have seen nothing, where they are at hand: files are
            read for them.
    """
    wanted = everyone if names is None else names
    chosen = [name for name in everyone if name in wanted and name != suite.reference]
    return Pass(
        {name: Candidate(suite.variant(name), everyone[name]) for name in chosen},
        source.class_names,
        suspicions or suspicions_of(suite, source, everyone),
        calibrated=calibrated or {},
    )


class PartRunner:
    """Runs opened variants over parts of the golden data.

    Args:
        suite: What was asked.
        source: The golden data.
        running: Who answers for each variant, the reference among them.
        calibrated: What a lock says of each candidate.
    """

    def __init__(
        self,
        suite: Suite,
        source: GoldenSource,
        running: Mapping[str, Answering],
        calibrated: Mapping[str, Calibrated],
    ) -> None:
        self._suite = suite
        self._source = source
        self._calibrated = calibrated
        self._everyone = running
        self._rows = window_rows(source, [one.facts for one in running.values()])
        self._reference = running[suite.reference]
        self._blank: Suspicions | None = None
        # A candidate that has failed stays out of the parts that follow.
        self._lanes = {n: Lane(p) for n, p in running.items() if n != suite.reference}

    def fresh(self, names: Collection[str] | None = None) -> Pass:
        """A pass of these variants that has seen nothing; None names all."""
        facts = {name: one.facts for name, one in self._everyone.items()}
        known = self._suite, self._source, facts, self._calibrated
        if self._blank is None:
            self._blank = suspicions_of(self._suite, self._source, facts)
        return fresh_pass(*known, names, deepcopy(self._blank))

    def run(
        self,
        spans: Sequence[slice],
        progress: Callable[[int, int], None] | None = None,
        names: Collection[str] | None = None,
    ) -> Iterator[Pass]:
        """One pass a part; neighbours are run without a break between them.

        Args:
            spans: Of `harness.run.parts`, rising.
            progress: Told (samples done, samples in all) after each window.
            names: Candidates to run beside the reference; None names all.

        Raises:
            HarnessError: The golden data or the reference fails.
        """
        lanes = self._some(names)
        everyone = self._source, self._reference, lanes, progress
        for run in _unbroken(spans):
            stops = {span.stop for span in run}
            whole = slice(run[0].start, run[-1].stop)
            part, clock = self.fresh(names), self._clock()
            for window in stream(*everyone, whole, self._rows):
                self._take(part, window)
                if window.chunk.rows.stop in stops:
                    yield self._closed(part, clock)
                    part, clock = self.fresh(names), self._clock()

    def _some(self, names: Collection[str] | None) -> dict[str, Lane]:
        return {n: x for n, x in self._lanes.items() if names is None or n in names}

    def _take(self, part: Pass, window: Window) -> None:
        part.count(window.chunk.labels)
        part.suspicions.update(window)
        if window.chunk.rows.start < EVIDENCE_SAMPLES:
            part.inputs.add(window.chunk.inputs)
            part.reference.add(window.reference)
        for name in window.candidates:
            self._compare(part, part.candidates[name], window)

    def _compare(self, part: Pass, candidate: Candidate, window: Window) -> None:
        """Hold one window; what cannot be compared takes the candidate out."""
        answers = window.candidates[candidate.spec.name]
        chunk = window.chunk
        try:
            if candidate.comparison is None:
                candidate.comparison = _begin(self._suite, part, candidate, window)
            paired = {ours: answers[theirs] for ours, theirs in candidate.pairs.items()}
            if chunk.rows.start < EVIDENCE_SAMPLES:
                candidate.evidence.add(paired)
            candidate.comparison.update(_batch(window, paired))
            if not self._suite.golden.hide_inputs:
                candidate.looks.update(chunk, candidate.comparison.shown)
        except SuiteError:
            raise
        except HarnessError as error:
            lane = self._lanes[candidate.spec.name]
            lane.failure = Failure(error, chunk.rows.start)

    def _closed(self, part: Pass, clock: Mapping[str, tuple[float, int]]) -> Pass:
        """A part that is done: who left on its way, and what everyone took."""
        for name, (seconds, n) in self._clock().items():
            before, so_far = clock[name]
            part.timing[name] = seconds - before, n - so_far
        for name, candidate in part.candidates.items():
            candidate.failure = self._lanes[name].failure
        return part

    def _clock(self) -> dict[str, tuple[float, int]]:
        return {name: (p.seconds, p.n_samples) for name, p in self._everyone.items()}


def _batch(window: Window, paired: Mapping[str, Array]) -> ComparisonBatch:
    chunk = window.chunk
    return ComparisonBatch(
        chunk.rows,
        window.reference,
        paired,
        chunk.labels,
        chunk.sample_ids,
        chunk.targets,
        chunk.metadata,
        chunk.inputs,
    )


def _unbroken(spans: Sequence[slice]) -> list[list[slice]]:
    """Neighbouring spans together."""
    runs: list[list[slice]] = []
    for span in spans:
        if runs and runs[-1][-1].stop == span.start:
            runs[-1].append(span)
        else:
            runs.append([span])
    return runs


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


def _widened(counts: Array, width: int) -> Array:
    return np.pad(counts, (0, width - len(counts)))
