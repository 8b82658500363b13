"""A crew that begins alone, and has workers join where they would end the run sooner.

What it takes is measured while parts are run: how long a part takes, how many cores are
busy and how many are idle, and the memory that is held. It is looked at after the first
part, and each time that twice as many are done.
"""

from __future__ import annotations

from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any

from harness.core.errors import HarnessError
from harness.core.progress import enter
from harness.engines.load import Meter
from harness.engines.sizing import Left, workers_worth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from harness.core.progress import Progress
    from harness.core.specs import Suite
    from harness.pipeline.comparing import Pass
    from harness.pipeline.crews import Crew, LocalCrew, WorkersCrew
    from harness.pipeline.kept_crew import KeptCrew
    from harness.pipeline.opening import Standing

    Hire = Callable[[int], AbstractContextManager[WorkersCrew]]

# Times of processors are counted in hundredths of a second.
_LEAST_SECONDS = 0.5
_CPU = frozenset({None, "CPU", "CPUExecutionProvider"})


class GrowingCrew:
    """See `harness.pipeline.crews.Crew`.

    Args:
        alone: We ourselves.
        hire: Starts so many workers.
        opening: Seconds that it took to open everything.

    Attributes:
        standings: How each variant stands.
    """

    def __init__(self, alone: LocalCrew | KeptCrew, hire: Hire, opening: float) -> None:
        self.standings: Mapping[str, Standing] = alone.standings
        self._alone, self._hire, self._opening = alone, hire, opening
        self._meter = Meter()
        self._stack = ExitStack()
        self._crew: Crew = alone

    @property
    def told(self) -> Mapping[str, Any]:
        """Of whoever ran the last part."""
        return self._crew.told

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[Pass]:
        """See `Crew`."""
        done, n = 0, 1
        while done < len(spans) and self._crew is self._alone:
            few = spans[done : done + n]
            started = monotonic()
            yield from self._alone.run(few, progress)
            done, n = done + len(few), 2 * n
            pace = (monotonic() - started) / len(few)
            self._grow(len(spans) - done, pace, progress)
        if done < len(spans):
            yield from self._crew.run(spans[done:], progress)

    def close(self) -> None:
        """Send the workers home; who runs parts alone is closed by who made it."""
        self._stack.close()

    def _grow(self, n_left: int, pace: float, progress: Progress | None) -> None:
        if not n_left or self._meter.seconds < _LEAST_SECONDS:
            return
        left = Left(n_left * pace, n_left, self._opening)
        n_workers = workers_worth(self._meter.read(), left)
        if n_workers == 1:
            return
        enter(progress, f"starting {n_workers} workers")
        try:
            self._crew = self._stack.enter_context(self._hire(n_workers))
        except HarnessError:
            # They were not asked for, and what they cannot do we can.
            return
        self._alone.close()


def may_grow(suite: Suite, standings: Mapping[str, Standing]) -> bool:
    """Whether everyone computes on cores of this machine.

    What an endpoint or another device can take is not for us to find out.
    """
    running = [(suite.variant(n), s.facts) for n, s in standings.items() if s.facts]
    return all(
        spec.url is None
        and facts.runtime.get("providers") in _CPU
        and facts.runtime.get("device") in _CPU
        for spec, facts in running
    )
