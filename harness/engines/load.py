"""What a run takes of this machine, and what it leaves: measured, not guessed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import psutil

from harness.core.machine import cores, memory_left, n_cores


@dataclass(frozen=True, slots=True)
class Load:
    """Of a machine, over a while.

    Attributes:
        seconds: How long that was.
        busy: Cores' worth of time that our processes took.
        idle: Cores' worth of time that nobody took, and that we may take.
        held: Bytes of memory that our processes hold now.
        free: Bytes that they could hold beside.
    """

    seconds: float
    busy: float
    idle: float
    held: float
    free: float


class Meter:
    """Measures from when it is made, then from the last reading."""

    def __init__(self) -> None:
        self._mark = _mark()

    @property
    def seconds(self) -> float:
        """How long it has measured."""
        return monotonic() - self._mark.at

    def read(self) -> Load:
        """What was taken since."""
        before, now = self._mark, _mark()
        self._mark = now
        seconds = max(now.at - before.at, 1e-9)
        busy = max(0.0, now.ours - before.ours) / seconds
        idle = max(0.0, now.idle - before.idle) / seconds
        return Load(
            seconds=seconds,
            busy=busy,
            idle=max(0.0, min(idle, n_cores() - busy)),
            held=sum(_each("memory_info", "rss")),
            free=min(psutil.virtual_memory().available, memory_left()),
        )


@dataclass(frozen=True, slots=True)
class _Mark:
    """Seconds: by the clock, of our processes, and those of cores that did nothing."""

    at: float
    ours: float
    idle: float


def _mark() -> _Mark:
    # Those that have ended are in the times of who started them.
    ours = sum(_each("cpu_times", "user", "system", "children_user", "children_system"))
    everyone = psutil.cpu_times(percpu=True)
    mine = [everyone[core] for core in cores() if core < len(everyone)] or everyone
    idle = sum(core.idle + getattr(core, "iowait", 0.0) for core in mine)
    return _Mark(monotonic(), ours, idle)


def _each(question: str, *fields: str) -> list[float]:
    """What each of our processes answers: this one, and all that come of it."""
    own = psutil.Process()
    found = []
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):  # it has just ended
            told = getattr(process, question)()
            found += [getattr(told, name, 0.0) for name in fields]
    return found
