"""What is studied of candidates, kept by all that it depends on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from harness.backends.model_files import model_digest
from harness.cache import freeze, key_of
from harness.core.errors import HarnessError
from harness.diagnose import Budget
from harness.pipeline.activations import activations_of
from harness.pipeline.circumstances import circumstances, installed
from harness.pipeline.diagnosing import diagnose_candidate
from harness.pipeline.explaining import agrees
from harness.pipeline.matrix import matrix_of
from harness.pipeline.opening import preprocess_of
from harness.pipeline.profiles import kept
from harness.pipeline.weighing import (
    Standard,
    Weighed,
    audits,
    may_be_standard,
    standard,
    weigh,
    weigh_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from harness.comparison import ComparisonResult
    from harness.core.protocols import GoldenSource
    from harness.core.results import ErrorProfile, Finding, RunMatrix
    from harness.core.specs import RunOptions, Suite, VariantSpec
    from harness.pipeline.activations import Activations
    from harness.pipeline.cache import Cache
    from harness.pipeline.comparing import Candidate, Pass
    from harness.pipeline.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Told:
    """What a diagnosis told.

    Attributes:
        findings: Root causes first.
        notices: For the reader.
        profile: Errors along the graph, as far as they are kept.
        unseen: Why the candidate's graph could not be looked into.
    """

    findings: tuple[Finding, ...]
    notices: tuple[str, ...]
    profile: ErrorProfile | None
    unseen: str | None


@dataclass(frozen=True, slots=True)
class MatrixTold:
    """What running a candidate in other ways told."""

    matrix: RunMatrix
    findings: tuple[Finding, ...]


class Studies:
    """Studies candidates, or tells what was found in them before.

    Args:
        suite: What was asked.
        source: The golden data.
        state: What the pass over them left behind.
        options: How it is run.
        cache: What was found before; None finds everything.
        identities: Variant -> what identifies its answers; None where nothing does.

    Attributes:
        suite: As given.
        state: As given.
        options: As given.
    """

    def __init__(
        self,
        suite: Suite,
        source: GoldenSource,
        state: Pass,
        options: RunOptions,
        cache: Cache | None,
        identities: Mapping[str, str | None],
    ) -> None:
        self.suite, self._source = suite, source
        self.state, self.options = state, options
        self._cache, self._identities = cache, identities

    def diagnosis(self, candidate: Candidate, speaker: VariantSpec | None) -> Told:
        """Why a candidate drifts.

        Raises:
            HarnessError: A model file is broken.
        """
        key = self._key("diagnoses", candidate, speaker)
        told = self._cache.recall(key, Told) if self._cache else None
        if told is None:
            told = self._diagnosed(candidate, speaker, key)
        candidate.unseen = told.unseen
        return told

    def matrix(self, candidate: Candidate) -> MatrixTold:
        """The candidate run in other ways, and which of them matter.

        Raises:
            HarnessError: It cannot be run so.
        """
        find = partial(self._in_other_ways, candidate)
        if self._cache is None:
            return find()
        key = self._key("matrices", candidate, None)
        try:
            return self._cache.found(key, MatrixTold, find)
        except HarnessError:
            self._cache.repeatable = False
            raise

    def standard(self, compared: Mapping[str, ComparisonResult]) -> Standard | None:
        """The weights that others are held against; `weighing.standard`."""
        if self._cache is None:
            return standard(self.suite, compared)
        asked = [
            (spec.name, self._digest(spec), _agrees(compared.get(spec.name)))
            for spec in may_be_standard(self.suite)
        ]
        key = key_of("standards", asked, installed(), circumstances())
        name = self._cache.recall(key, str)
        if name is not None:
            return Standard(self.suite.variant(name)) if name else None
        found = standard(self.suite, compared)
        self._cache.keep(key, found.spec.name if found else "")
        return found

    def weighed(
        self,
        specs: Iterable[VariantSpec],
        held_to: Standard | None,
        speaker: VariantSpec | None,
    ) -> dict[str, Weighed]:
        """Weights of variants, held against the standard; `weighing.weigh_all`.

        Args:
            specs: The variants.
            held_to: What speaks for the reference's weights.
            speaker: What speaks for its graph, and so for its activations.
        """
        ran = tuple(specs)

        @cache
        def seen() -> Activations:
            # The reference's graph is run for those alone who are not known yet.
            asked = self.suite, self._source, self.state, speaker, ran
            return activations_of(*asked)

        def one(spec: VariantSpec, standard: Standard | None) -> Weighed:
            return self._weigh(spec, standard, speaker, seen)

        return weigh_all(ran, held_to, one)

    def _diagnosed(
        self, candidate: Candidate, speaker: VariantSpec | None, key: str | None
    ) -> Told:
        budget = Budget(seconds=self._seconds)
        asked = self.suite, self._source, self.state, candidate, speaker, budget
        complete = False
        try:
            found = diagnose_candidate(*asked)
            complete = not budget.is_over
        finally:
            if self._cache is not None and not complete:
                self._cache.repeatable = False
        profile = None if found.profile is None else kept(found.profile)
        told = Told(found.findings, found.notices, profile, candidate.unseen)
        if self._cache is not None and complete:
            self._cache.keep(key, told)
        return told

    @property
    def _seconds(self) -> float | None:
        return self.options.diagnosis_seconds or self.suite.diagnosis_seconds

    def _in_other_ways(self, candidate: Candidate) -> MatrixTold:
        asked = self.suite, self._source, self.state, candidate
        return MatrixTold(*matrix_of(*asked))

    def _weigh(
        self,
        spec: VariantSpec,
        held_to: Standard | None,
        speaker: VariantSpec | None,
        seen: Callable[[], Activations],
    ) -> Weighed:
        data = seen if audits(spec.path) else None

        def find() -> Weighed:
            return weigh(spec, held_to, data and data().seen_by(self.suite, spec))

        digest = self._digest(spec)
        if self._cache is None or digest is None:
            return find()
        other = held_to and (held_to.spec.name, self._digest(held_to.spec))
        mine = spec.name, spec.kind, spec.path.name, digest
        ranges = data and self._ranges_of(spec, speaker)
        key = key_of("weights", mine, other, ranges, installed(), circumstances())
        return self._cache.found(key, Weighed, find)

    def _ranges_of(
        self, spec: VariantSpec, speaker: VariantSpec | None
    ) -> tuple[object, ...]:
        """What the ranges depend on that a candidate's scales are held against."""
        suite, inputs = self.suite, self.state.inputs
        reference = suite.variant(suite.reference)
        fed = [preprocess_of(suite, one) for one in (spec, reference)]
        who = [self._digest(one) for one in (reference, speaker) if one is not None]
        return who, fed, speaker and speaker.name, _digest(inputs)

    def _digest(self, spec: VariantSpec) -> str | None:
        if self._cache is None or spec.url is not None:
            return None
        try:
            return model_digest(spec.path, spec.options)
        except OSError:
            return None

    def _key(
        self, kind: str, candidate: Candidate, speaker: VariantSpec | None
    ) -> str | None:
        """None where not all that a study depends on can be told."""
        if self._cache is None:
            return None
        suite, state = self.suite, self.state
        reference = suite.variant(suite.reference)
        asked = [s for s in (candidate.spec, reference, speaker) if s is not None]
        who = [self._identities.get(spec.name) for spec in asked]
        if None in who:
            return None
        spoken = state.candidates.get(speaker.name) if speaker else None
        return key_of(
            kind,
            (who, [_told_of(spec) for spec in asked]),
            (candidate.pairs, candidate.facts, spoken and spoken.pairs),
            [_digest(e) for e in (state.inputs, state.reference, candidate.evidence)],
            (state.class_names, self._seconds, installed()),
        )


def _told_of(spec: VariantSpec) -> VariantSpec:
    """What of a variant's declaration a study may go by, and name."""
    return replace(spec, line=1, gate={}, max_drop={})


def _agrees(result: ComparisonResult | None) -> bool:
    return result is not None and agrees(result)


def _digest(evidence: Evidence) -> str:
    return hashlib.sha256(freeze(evidence.arrays())).hexdigest()
