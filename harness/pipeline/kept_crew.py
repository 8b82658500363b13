"""We ourselves as a crew that asks the cache first, and models for the rest."""

from __future__ import annotations

from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.cache import key_of
from harness.core.remembered import remembering
from harness.pipeline.casting import require_reference, wanted
from harness.pipeline.comparing import PartRunner, Pass, fresh_pass
from harness.pipeline.identities import Parts, identity_of
from harness.pipeline.kept_answers import KeptPredictor, Later
from harness.pipeline.kept_parts import KeptParts, start_of
from harness.pipeline.opening import Standing
from harness.pipeline.suspicions import suspicions_of
from harness.run import parts, window_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from harness.core.protocols import GoldenSource
    from harness.core.specs import RunOptions, Suite
    from harness.core.tolerances import Calibrated
    from harness.pipeline.cache import Cache
    from harness.pipeline.kept_parts import Known

# Parts that are held at a time, some of them known and some to be run.
_AT_A_TIME = 8


class KeptCrew:
    """Runs what is not kept, and keeps it; see `harness.pipeline.crews.Crew`.

    Args:
        suite: What was asked.
        source: The golden data.
        options: How to run it.
        calibrated: What a lock says of each candidate.
        cache: What was found before.

    Attributes:
        standings: How each variant stands.

    Raises:
        BackendError: The reference cannot be run.
        SuiteError: The suite declares what a model or a backend does not know.
    """

    def __init__(
        self,
        suite: Suite,
        source: GoldenSource,
        options: RunOptions,
        calibrated: Mapping[str, Calibrated],
        cache: Cache,
    ) -> None:
        self._suite, self._source, self._cache = suite, source, cache
        with remembering(cache.files):
            self._identities = identities(suite, source, options)
        self._windows = Parts(suite, source)
        # Who is known is opened later, if at all, and closed all the same.
        self._stack = ExitStack()
        with ExitStack() as failing:
            failing.callback(self._stack.close)
            self.standings = self._open(options, self._stack)
            self._runner, self._kept = self._runners(calibrated)
            failing.pop_all()

    @property
    def told(self) -> dict[str, Any]:
        """Whose answers were all known."""
        known = [name for name, one in self._running.items() if not one.ran]
        return {"cache": f"answers of {', '.join(known)}"} if known else {}

    def run(
        self, spans: Sequence[slice], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[Pass]:
        """See `Crew`."""
        for first in range(0, len(spans), _AT_A_TIME):
            few = spans[first : first + _AT_A_TIME]
            yield from self._some(
                few, [self._kept.known(span) for span in few], progress
            )

    def close(self) -> None:
        """Free everything; a second call does nothing."""
        self._stack.close()

    def _some(
        self,
        spans: Sequence[slice],
        known: Sequence[Known],
        progress: Callable[[int, int], None] | None,
    ) -> Iterator[Pass]:
        both = list(zip(spans, known, strict=True))
        left = [span for span, found in both if not found.whole]
        names = frozenset().union(*(found.lacking for found in known))
        self._warm_up(left, names)
        ran = self._runner.run(left, progress, names)
        for span, found in both:
            if not found.whole:
                yield self._kept.completed(found, span, next(ran))
                continue
            if progress is not None:
                progress(span.stop, self._source.n_samples)
            yield found.part

    def _warm_up(self, spans: Sequence[slice], names: Collection[str]) -> None:
        """Have models load beside each other, where answers are missing."""
        rows = self._kept.rows
        windows = [
            slice(start, min(start + rows, span.stop))
            for span in spans
            for start in range(span.start, span.stop, rows)
        ]
        for name in (self._suite.reference, *sorted(names)) if windows else ():
            self._running[name].warm_up(windows)

    def _open(self, options: RunOptions, stack: ExitStack) -> dict[str, Standing]:
        """How everyone stands; who is not known is opened."""
        suite, source = self._suite, self._source
        self._later = {
            name: Later(suite, suite.variant(name), source, options.missing, stack)
            for name in self._identities
        }
        found = known_standings(self._identities, options, self._cache)
        for name in self._identities:
            if name not in found:
                self._later[name].begin()
        for name, identity in self._identities.items():
            if name in found:
                continue
            opened = self._later[name].opened()
            if name == suite.reference:
                require_reference(opened)
            found[name] = opened.standing
            self._learn(_facts_key(identity, options), opened.standing)
        return {name: found[name] for name in self._identities}

    def _learn(self, key: str | None, standing: Standing) -> None:
        if standing.facts is not None or standing.status == "skipped":
            self._cache.keep(key, standing)
        else:
            self._cache.repeatable = False

    def _runners(
        self, calibrated: Mapping[str, Calibrated]
    ) -> tuple[PartRunner, KeptParts]:
        suite, source = self._suite, self._source
        facts = {n: s.facts for n, s in self.standings.items() if s.facts is not None}
        self._running = {name: self._predictor(name) for name in facts}
        kept = kept_parts(
            suite, source, self.standings, self._identities, calibrated, self._cache
        )
        return PartRunner(suite, source, self._running, calibrated), kept

    def _predictor(self, name: str) -> KeptPredictor:
        standing, identity = self.standings[name], self._identities[name]
        assert standing.facts is not None  # the caller looked
        # A recording is read as fast as we are.
        kept = identity is not None and standing.status == "ran"
        key = partial(self._windows.answers, identity) if identity and kept else None
        return KeptPredictor(name, standing.facts, self._later[name], self._cache, key)


def identities(
    suite: Suite, source: GoldenSource, options: RunOptions
) -> dict[str, str | None]:
    """Variant that is to run -> what identifies its answers, in the suite's order."""
    names = wanted(suite, options)
    chosen = [spec for spec in suite.variants if spec.name in names]
    return {spec.name: identity_of(suite, spec, source) for spec in chosen}


def nothing_left(
    suite: Suite,
    source: GoldenSource,
    options: RunOptions,
    calibrated: Mapping[str, Calibrated],
    cache: Cache,
) -> bool:
    """Whether all that a run would find of the data is kept."""
    known = identities(suite, source, options)
    standings = known_standings(known, options, cache)
    if len(standings) < len(known):
        return False
    kept = kept_parts(suite, source, standings, known, calibrated, cache)
    return all(map(kept.holds, parts(source.n_samples, kept.rows)))


def known_standings(
    identities: Mapping[str, str | None], options: RunOptions, cache: Cache
) -> dict[str, Standing]:
    """How those stand that ran before, or could not for want of their runtime."""
    found = {}
    for name, identity in identities.items():
        standing = cache.recall(_facts_key(identity, options), Standing)
        if standing is not None:
            found[name] = replace(standing, name=name)
    return found


def kept_parts(
    suite: Suite,
    source: GoldenSource,
    standings: Mapping[str, Standing],
    identities: Mapping[str, str | None],
    calibrated: Mapping[str, Calibrated],
    cache: Cache,
) -> KeptParts:
    """What finds and keeps parts of a run."""
    facts = {n: one.facts for n, one in standings.items() if one.facts is not None}

    blank = suspicions_of(suite, source, facts)

    def empty(names: Collection[str]) -> Pass:
        return fresh_pass(suite, source, facts, calibrated, names, deepcopy(blank))

    return KeptParts(
        suite=suite,
        cache=cache,
        identities={name: identities[name] for name in facts},
        rows=window_rows(source, facts.values()),
        keys=Parts(suite, source),
        empty=empty,
        calibrated=calibrated,
        start=start_of(blank),
    )


def _facts_key(identity: str | None, options: RunOptions) -> str | None:
    return None if identity is None else key_of("facts", identity, options.missing)
