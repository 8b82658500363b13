"""Who runs the parts of a suite: we ourselves, or workers elsewhere.

Parts are the same for everyone (`harness.run.parts`) and are merged in their order, so
that a report does not depend on who ran what, to the last bit.
"""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from harness.cache import freeze, thaw
from harness.engines import ENGINES, Settings
from harness.golden.source import open_golden
from harness.pipeline.cache import cache_of
from harness.pipeline.casting import open_all
from harness.pipeline.comparing import PartRunner, Pass, fresh_pass
from harness.pipeline.growing import GrowingCrew, may_grow
from harness.pipeline.kept_crew import KeptCrew, nothing_left
from harness.pipeline.merging import MergeTree
from harness.run import parts, window_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.core.protocols import GoldenSource
    from harness.core.specs import RunOptions, Suite
    from harness.core.tolerances import Calibrated
    from harness.core.vouched import Vouched
    from harness.engines import Crew as Workers
    from harness.pipeline.cache import Cache
    from harness.pipeline.opening import Standing

    Progress = Callable[[int, int], None]


class Crew(Protocol):
    """Who runs parts of a suite.

    Attributes:
        standings: How each variant stands with them.
        told: What a report's provenance says of them.
    """

    @property
    def standings(self) -> Mapping[str, Standing]:
        """See the attributes."""
        ...

    @property
    def told(self) -> Mapping[str, Any]:
        """See the attributes."""
        ...

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[Pass]:
        """One pass a part, in their order; or one a subtree of a `MergeTree`.

        Args:
            spans: Of `harness.run.parts`, rising.
            progress: Told (samples done, samples in all) as it goes on.

        Raises:
            HarnessError: The golden data or the reference fails.
        """
        ...


def whole_pass(
    suite: Suite,
    source: GoldenSource,
    crew: Crew,
    calibrated: Mapping[str, Calibrated],
    progress: Progress | None = None,
) -> Pass:
    """Everyone over all of the golden data.

    Raises:
        HarnessError: The golden data or the reference fails.
    """
    tree = MergeTree()
    for part in crew.run(spans_of(source, crew.standings), progress):
        tree.add(part)
    return tree.merged_into(empty_pass(suite, source, crew.standings, calibrated))


def spans_of(
    source: GoldenSource, standings: Mapping[str, Standing]
) -> tuple[slice, ...]:
    """The parts that the golden data have for these variants."""
    facts = [one.facts for one in standings.values() if one.facts is not None]
    return parts(source.n_samples, window_rows(source, facts))


def empty_pass(
    suite: Suite,
    source: GoldenSource,
    standings: Mapping[str, Standing],
    calibrated: Mapping[str, Calibrated],
) -> Pass:
    """A pass of these variants that has seen nothing."""
    running = {n: x.facts for n, x in standings.items() if x.facts is not None}
    return fresh_pass(suite, source, running, calibrated)


@contextmanager
def crew_for(
    suite: Suite,
    source: GoldenSource,
    options: RunOptions,
    calibrated: Mapping[str, Calibrated],
    cache: Cache | None = None,
) -> Iterator[Crew]:
    """Who runs the parts, as the options say.

    Args:
        suite: What was asked.
        source: The golden data.
        options: How to run it.
        calibrated: What a lock says of each candidate.
        cache: What was found before; None keeps nothing.

    Raises:
        HarnessError: The reference cannot be run, or workers cannot be started.
    """
    asked = suite, source, options, calibrated, cache
    here = options.engine == "local"
    alone = here and options.workers in (None, 1)
    if not alone and (cache is None or not nothing_left(*asked[:-1], cache)):
        with _workers(*asked) as crew:
            yield crew
        return
    began = monotonic()
    with closing(local_crew(*asked)) as crew:
        measured = here and options.workers is None
        if not (measured and may_grow(suite, crew.standings)):
            yield crew
            return
        opening = monotonic() - began
        with closing(GrowingCrew(crew, partial(_workers, *asked), opening)) as growing:
            yield growing


@contextmanager
def _workers(
    suite: Suite,
    source: GoldenSource,
    options: RunOptions,
    calibrated: Mapping[str, Calibrated],
    cache: Cache | None,
    n_workers: int | None = None,
) -> Iterator[WorkersCrew]:
    """Workers as the options say, or so many.

    Raises:
        HarnessError: They cannot be started, or cannot open the suite.
    """
    n_workers = n_workers or options.workers
    folder = None if cache is None else options.cache
    # What is accepted is judged here, and may be large.
    plain = replace(options, baseline=None, engine="local", workers=1, cache=folder)
    work = SuiteWork(suite, plain, source.vouch(), calibrated)
    # A run with a budget asks for a few spans at a time, here and there.
    merges = options.budget_seconds is None
    settings = Settings(n_workers, options.cluster, merges)
    with ENGINES.get(options.engine)(work, settings) as workers:
        yield WorkersCrew(workers, options.engine, n_workers)


def local_crew(
    suite: Suite,
    source: GoldenSource,
    options: RunOptions,
    calibrated: Mapping[str, Calibrated],
    cache: Cache | None = None,
) -> LocalCrew | KeptCrew:
    """We ourselves; with a cache, we run what it does not hold.

    Raises:
        BackendError: The reference cannot be run.
        SuiteError: The suite declares what a model or a backend does not know.
    """
    if cache is None:
        return LocalCrew(suite, source, options, calibrated)
    return KeptCrew(suite, source, options, calibrated, cache)


class LocalCrew:
    """We ourselves, in this process and those of isolated variants.

    Args:
        suite: What was asked.
        source: The golden data.
        options: How to run it.
        calibrated: What a lock says of each candidate.

    Raises:
        BackendError: The reference cannot be run.
        SuiteError: The suite declares what a model or a backend does not know.
    """

    told: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        suite: Suite,
        source: GoldenSource,
        options: RunOptions,
        calibrated: Mapping[str, Calibrated],
    ) -> None:
        with ExitStack() as opening:
            cast = open_all(suite, source, options, opening)
            self._stack = opening.pop_all()
        self.standings = {name: opened.standing for name, opened in cast.items()}
        running = {n: o.predictor for n, o in cast.items() if o.predictor is not None}
        self._runner = PartRunner(suite, source, running, calibrated)

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[Pass]:
        """See `Crew`."""
        return self._runner.run(spans, progress)

    def close(self) -> None:
        """Free everything; a second call does nothing."""
        self._stack.close()


@dataclass(frozen=True, slots=True)
class SuiteWork:
    """What a worker elsewhere needs in order to run parts of a suite: plain values.

    Attributes:
        suite: What was asked.
        options: How to run it.
        vouched: What is sure of the golden data.
        calibrated: What a lock says of each candidate.
    """

    suite: Suite
    options: RunOptions
    vouched: Vouched
    calibrated: Mapping[str, Calibrated]

    @contextmanager
    def open(self) -> Iterator[SuiteHands]:
        """Open everything, there.

        Raises:
            HarnessError: The golden data or the reference cannot be opened.
        """
        source = open_golden(self.suite.golden, self.vouched)
        asked = self.suite, source, self.options, self.calibrated
        crew = local_crew(*asked, cache_of(self.options))
        try:
            yield SuiteHands(crew)
        finally:
            crew.close()


class SuiteHands:
    """A crew that answers in bytes, for `harness.engines`.

    Args:
        crew: Runs the parts.
    """

    def __init__(self, crew: LocalCrew | KeptCrew) -> None:
        self._crew = crew

    def introduce(self) -> bytes:
        """How each variant stands, frozen."""
        return freeze(self._crew.standings)

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[bytes]:
        """One frozen pass a part, in their order."""
        return map(freeze, self._crew.run(spans, progress))

    def block(self, spans: Sequence[slice]) -> list[bytes]:
        """Parts whose place is a subtree of all parts, merged as far as they go."""
        tree = MergeTree()
        for part in self._crew.run(spans):
            tree.add(part)
        return [freeze(root) for root in tree.roots]


class WorkersCrew:
    """Workers elsewhere.

    Args:
        workers: Run the parts.
        engine: Whose they are.
        n_workers: How many were asked for; None left it to the engine.

    Attributes:
        told: That they ran the parts.
    """

    def __init__(self, workers: Workers, engine: str, n_workers: int | None) -> None:
        asked = {} if n_workers is None else {"workers": n_workers}
        self.told: dict[str, Any] = {"engine": engine, **asked}
        self.standings: dict[str, Standing] = thaw(workers.introduce(), dict)
        self._workers = workers

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[Pass]:
        """See `Crew`."""
        for frozen in self._workers.run(spans, progress):
            yield thaw(frozen, Pass)
