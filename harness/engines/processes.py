"""Worker processes on this machine, each with its share of the cores.

Spans are handed out a few at a time, so that a worker reads ahead within them; the last
ones go one by one, so that all workers end together. What is ahead of the oldest answer
that is missing waits in memory, and is bounded.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from harness.core.errors import MissingDependencyError, WorkerCrashed
from harness.engines.cores import cores_in_all, shares
from harness.engines.process import Process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.engines.protocol import Progress, Settings, Work

_SPANS_AT_A_TIME = 4
# Answers that may wait for an older one, a worker.
_AHEAD = 8
# A span that has ended so many workers will end the next one too.
_DEATHS = 3


@contextmanager
def start(work: Work, settings: Settings) -> Iterator[Processes]:
    """Start workers, and end them.

    Raises:
        HarnessError: The work cannot be opened.
        MissingDependencyError: This system has no processes of that kind.
    """
    if os.name != "posix":
        raise MissingDependencyError(
            f"worker processes run on Linux and macOS, not on {os.name}",
            hint="run with one worker",
        )
    crew = Processes(work, settings.workers or cores_in_all())
    try:
        yield crew
    finally:
        crew.close()


class Processes:
    """Workers that have opened the work; see `harness.engines.protocol.Crew`.

    Args:
        work: What each of them opens.
        n_workers: How many.

    Raises:
        HarnessError: The work cannot be opened.
    """

    def __init__(self, work: Work, n_workers: int) -> None:
        self._work = work
        self._shares = shares(n_workers)
        self._workers: dict[int, Process] = {}
        self._deaths: dict[int, int] = {}
        self._introduction: bytes | None = None
        self._waiting: deque[slice] = deque()
        self._answers: dict[int, bytes] = {}
        for place in range(n_workers):
            self._hire(place)

    def introduce(self) -> bytes:
        """What the first worker to open the work says of it."""
        while self._introduction is None:
            for place in self._ready():
                self._hear(place)
        return self._introduction

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[bytes]:
        """The answer to each span, in their order, whoever gives it.

        Raises:
            HarnessError: The work fails.
            WorkerCrashed: A span ends one worker after another.
        """
        total = spans[-1].stop if spans else 0
        self._waiting = deque(spans)
        self._answers = {}
        done = spans[0].start if spans else 0
        for span in spans:
            while span.start not in self._answers:
                self._hand_out(span)
                for place in self._ready():
                    done += self._hear(place)
                    if progress is not None:
                        progress(done, total)
            yield self._answers.pop(span.start)

    def close(self) -> None:
        """End all workers; a second call does nothing."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def _hire(self, place: int) -> None:
        self._workers[place] = Process(self._work, self._shares[place])

    def _ready(self) -> list[int]:
        """Places of the workers that have something to say, or have died."""
        places = {worker.connection: at for at, worker in self._workers.items()}
        return [places[connection] for connection in wait(list(places))]  # type: ignore[index] # what it was given

    def _hear(self, place: int) -> int:
        """Take in what a worker says; returns the samples that it has finished."""
        worker = self._workers[place]
        owed = worker.owed[0] if worker.introduced and worker.owed else None
        said = worker.receive()
        if said is None:
            self._replace(place)
            return 0
        if owed is None:
            self._introduction = self._introduction or said
            return 0
        self._answers[owed.start] = said
        n_samples: int = owed.stop - owed.start
        return n_samples

    def _hand_out(self, oldest: slice) -> None:
        """Spans for those who have none left, unless they are too far ahead."""
        room = _AHEAD * len(self._workers) - len(self._answers)
        for worker in self._workers.values():
            if not worker.introduced or worker.owed or not self._waiting:
                continue
            # What everybody waits for is never too far.
            if room > 0 or self._waiting[0].start == oldest.start:
                fair = len(self._waiting) // (2 * len(self._workers))
                n = max(1, min(_SPANS_AT_A_TIME, fair))
                taken = [self._waiting.popleft() for _ in range(n)]
                worker.ask(taken)
                room -= n

    def _replace(self, place: int) -> None:
        """A worker has died: another takes its place, and what it owed."""
        worker = self._workers[place]
        how = worker.last()
        first = worker.owed[0] if worker.owed else None
        at = -1 if first is None else first.start
        self._deaths[at] = self._deaths.get(at, 0) + 1
        if self._deaths[at] >= _DEATHS:
            where = "while they opened the models"
            if first is not None:
                where = f"at samples {first.start} to {first.stop - 1}"
            raise WorkerCrashed(
                f"{_DEATHS} workers in a row died {where}, the last with {how}",
                hint='run with isolation = "process" and one worker: it names the'
                " variant that crashes",
            )
        self._waiting.extendleft(reversed(worker.owed))
        worker.owed.clear()
        worker.close()
        self._hire(place)
