"""States of metrics of parts of the golden data, kept by all that they depend on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.cache import freeze

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from harness.comparison import Comparison
    from harness.core.protocols import Array
    from harness.core.specs import Suite
    from harness.core.tolerances import Calibrated
    from harness.pipeline.cache import Cache
    from harness.pipeline.comparing import Pass
    from harness.pipeline.evidence import Evidence
    from harness.pipeline.identities import Parts
    from harness.pipeline.looks import Looks
    from harness.pipeline.suspicions import Suspicions

    Timing = tuple[float, int]
"""Seconds in a session, and samples answered."""


@dataclass(slots=True, eq=False)
class LeadState:
    """What a part says of data and reference; see `Pass`."""

    suspicions: Suspicions
    class_counts: Array | None
    inputs: Evidence
    reference: Evidence
    timing: Timing


@dataclass(slots=True, eq=False)
class PairState:
    """What a part says of a candidate; see `Candidate`."""

    pairs: dict[str, str]
    evidence: Evidence
    comparison: Comparison
    looks: Looks
    timing: Timing


@dataclass(slots=True, eq=False)
class Known:
    """What is known of a part.

    Attributes:
        part: Holds what is known.
        lead: Whether that of data and reference is.
        lacking: Candidates of which nothing is known.
    """

    part: Pass
    lead: bool
    lacking: frozenset[str]

    @property
    def whole(self) -> bool:
        """Whether nothing is left to run."""
        return self.lead and not self.lacking


@dataclass(slots=True)
class KeptParts:
    """Finds and keeps the states of parts.

    Attributes:
        suite: What is run.
        cache: Keeps them.
        identities: Variant that runs -> what identifies its answers; None where
            nothing does.
        rows: Samples a window.
        keys: Makes keys of parts.
        empty: Makes a pass of some candidates that has seen nothing.
        calibrated: What a lock says of each candidate.
        start: What identifies suspicions that have seen nothing.
    """

    suite: Suite
    cache: Cache
    identities: Mapping[str, str | None]
    rows: int
    keys: Parts
    empty: Callable[[Collection[str]], Pass]
    calibrated: Mapping[str, Calibrated]
    start: str
    _used: dict[str, list[str]] = field(default_factory=dict)

    def known(self, span: slice) -> Known:
        """What is known of a part."""
        names = [n for n in self.identities if n != self.suite.reference]
        part = self.empty(names)
        states = {n: self.cache.recall(self._pair(n, span), PairState) for n in names}
        lead = self.cache.recall(self._lead(span), LeadState)
        if lead is not None:
            self._restore(part, lead)
        for name, state in states.items():
            if state is not None:
                self._restore_pair(part, name, state)
        lacking = frozenset(name for name, state in states.items() if state is None)
        return Known(part, lead is not None, lacking)

    def holds(self, span: slice) -> bool:
        """Whether nothing of a part is left to run, unless an entry is damaged."""
        names = [n for n in self.identities if n != self.suite.reference]
        keys = [self._lead(span), *(self._pair(name, span) for name in names)]
        return all(key is not None and self.cache.store.holds(key) for key in keys)

    def completed(self, known: Known, span: slice, ran: Pass) -> Pass:
        """A part of which some was known and the rest was run; that is kept."""
        part, reference = known.part, self.suite.reference
        lead = LeadState(
            *(ran.suspicions, ran.class_counts, ran.inputs, ran.reference),
            ran.timing[reference],
        )
        self.cache.keep(self._lead(span), lead)
        self._restore(part, lead)
        for name in ran.candidates:
            self._complete(part, span, ran, name)
        return part

    def _complete(self, part: Pass, span: slice, ran: Pass, name: str) -> None:
        candidate = ran.candidates[name]
        part.candidates[name] = candidate
        part.timing[name] = ran.timing[name]
        if candidate.failure is not None:
            self.cache.repeatable = False
            for used in self._used.pop(name, ()):
                self.cache.store.discard(used)
        elif candidate.comparison is not None:
            state = (
                *(candidate.pairs, candidate.evidence, candidate.comparison),
                candidate.looks,
            )
            key = self._pair(name, span)
            self.cache.keep(key, PairState(*state, ran.timing[name]))

    def _restore(self, part: Pass, lead: LeadState) -> None:
        part.suspicions = lead.suspicions
        part.class_counts = lead.class_counts
        part.inputs, part.reference = lead.inputs, lead.reference
        part.timing[self.suite.reference] = lead.timing

    def _restore_pair(self, part: Pass, name: str, state: PairState) -> None:
        candidate = part.candidates[name]
        candidate.pairs, candidate.evidence = state.pairs, state.evidence
        candidate.comparison, candidate.looks = state.comparison, state.looks
        part.timing[name] = state.timing

    def _lead(self, span: slice) -> str | None:
        mine = self.identities[self.suite.reference]
        if mine is None:
            return None
        return self.keys.state(self.rows, span, mine, self.start)

    def _pair(self, name: str, span: slice) -> str | None:
        mine, theirs = self.identities[self.suite.reference], self.identities[name]
        if mine is None or theirs is None:
            return None
        spec = self.suite.variant(name)
        said = self.calibrated.get(name)
        declared = spec.gate.get("atol"), spec.gate.get("rtol")
        limits = spec.kind, declared, spec.outputs, said and said.outputs
        shows = not self.suite.golden.hide_inputs
        key = self.keys.state(self.rows, span, mine, theirs, limits, shows)
        self._used.setdefault(name, []).append(key)
        return key


def start_of(blank: Suspicions) -> str:
    """What identifies suspicions that have seen nothing."""
    return hashlib.sha256(freeze(blank)).hexdigest()
