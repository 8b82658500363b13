"""Watches over a variant's process: its words, its time, its memory, its end."""

from __future__ import annotations

import os
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import monotonic_ns
from typing import TYPE_CHECKING

from harness.core.errors import (
    BackendError,
    WorkerCrashed,
    WorkerOutOfMemory,
    WorkerTimeout,
)
from harness.run.isolation.words import Words

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from harness.run.isolation.pulse import Pulse

# Where memory is limited we look more often: a runtime can take 4 MB a millisecond.
_LOOK_SECONDS, _LOOK_AT_MEMORY_SECONDS = 0.05, 0.02
# From the last word of a process to its end, and from its kill.
_PARTING_SECONDS, _DRIVER_SECONDS = 0.5, 5.0
_SECOND = 1_000_000_000
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True, slots=True)
class Task:
    """What the process was last asked.

    Attributes:
        number: Of the request, from 1; requests are answered in their order.
        asked: When, as `time.monotonic_ns` tells.
        limit: Most seconds for it: for all of it, or for one batch.
        rows: The samples of a window; None while the model is opened.
        step: Samples a batch.
    """

    number: int
    asked: int
    limit: float
    rows: slice | None = None
    step: int | None = None


class Watch:
    """A thread that looks after a process until it ends.

    Args:
        process: Started with both its outputs in one pipe, in a session of its own.
        pulse: Where the process tells how far it is.
        name: Of the variant: it stands before what the process writes.
        memory: Most bytes that the process may hold, None for no limit.
        at_end: Called when the process has ended, whoever ended it.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        pulse: Pulse,
        name: str,
        memory: int | None,
        at_end: Callable[[], None],
    ) -> None:
        assert process.stdout is not None
        self._tasks: deque[Task] = deque()
        self._process = process
        self._pulse = pulse
        self._memory = memory
        self._at_end = at_end
        self._words = Words(name, process.stdout.fileno())
        self._cause: BackendError | None = None
        self._thread = Thread(target=self._look_after, daemon=True)
        self._thread.start()

    def expect(self, task: Task) -> None:
        """The process was asked for one thing more."""
        self._tasks.append(task)

    def death(self) -> BackendError:
        """Why the process ended; it is killed should it still be there."""
        self._thread.join(timeout=_PARTING_SECONDS)
        hung_up = self._thread.is_alive()
        self.kill()
        error = self._cause or (self._hung_up() if hung_up else self._own_end())
        words = self._words.last()
        said = f"; it last wrote: {words}" if words else ""
        return type(error)(f"{error.message}{said}", hint=error.hint)

    def broken(self, what: str) -> BackendError:
        """The error for a process that sends what is no answer; it is killed."""
        self._cause = WorkerCrashed(
            f"its process answered with {what}",
            hint="its memory was overwritten, or something else writes to its files",
        )
        return self.death()

    def close(self, patience: float) -> None:
        """Wait so many seconds for the process to end by itself, then end it."""
        self._thread.join(timeout=patience)
        self.kill()

    def kill(self) -> None:
        """End the process and all that it started."""
        self._end_group()
        # A process that waits for a driver ends when the driver does.
        self._thread.join(timeout=_DRIVER_SECONDS)

    def _look_after(self) -> None:
        look = _LOOK_SECONDS if self._memory is None else _LOOK_AT_MEMORY_SECONDS
        while self._process.poll() is None:
            self._words.pass_on(look)
            self._cause = self._cause or self._overdue() or self._too_large()
            if self._cause is not None:
                self._end_group()
                self._process.wait()
        self._end_group()
        self._words.finish()
        self._at_end()

    def _end_group(self) -> None:
        # The group is gone with its last process.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _overdue(self) -> BackendError | None:
        task = self._task()
        if task is None:
            return None
        taken = monotonic_ns() - max(task.asked, self._pulse.started)
        if taken <= task.limit * _SECOND:
            return None
        what, key, where = "a batch", "timeout", self._where()
        if task.rows is None:
            what, key, where = "loading", "load_timeout", ""
        return WorkerTimeout(
            f"{what} took longer than the {task.limit:g} s allowed{where}",
            hint=f"where the model is that slow, raise {key} in the variant",
        )

    def _too_large(self) -> BackendError | None:
        if self._memory is None:
            return None
        held = _own_bytes(self._process.pid)
        if held <= self._memory:
            return None
        return WorkerOutOfMemory(
            f"out of memory: its process held {held / 1e6:.0f} MB of the"
            f" {self._memory / 1e6:.0f} MB allowed{self._where()}",
            hint="lower the variant's batch_size, or raise memory",
        )

    def _hung_up(self) -> BackendError:
        return WorkerCrashed(
            f"its process lives, but listens no more{self._where()}",
            hint="the runtime, or code that the model calls, closes what it should not",
        )

    def _own_end(self) -> BackendError:
        code = self._process.returncode
        if code >= 0:
            return WorkerCrashed(
                f"its process ended with exit code {code}{self._where()}",
                hint="the runtime, or code that the model calls, ends the process",
            )
        hint = "the fault is the runtime's, in its own code: try other options or"
        hint += " another version of it; harness inspect tells what the model holds"
        if -code == signal.SIGKILL:
            hint = "somebody killed it; the system does where memory runs out"
        text = (signal.strsignal(-code) or "unknown").lower()
        return WorkerCrashed(
            f"its process was ended by {_signal_name(-code)}, {text}{self._where()}",
            hint=hint,
        )

    def _task(self) -> Task | None:
        """What the process is at; None when it has answered all."""
        answered = self._pulse.answered
        while self._tasks and self._tasks[0].number <= answered:
            self._tasks.popleft()
        return self._tasks[0] if self._tasks else None

    def _where(self) -> str:
        """The batch that was under way, as far as the process told."""
        task = self._task()
        if task is None:
            return ""
        if task.rows is None:
            return " while it loaded the model"
        row, rows = self._pulse.row, task.rows
        first = row if rows.start <= row < rows.stop else rows.start
        last = min(first + (task.step or rows.stop), rows.stop) - 1
        return f" on samples {first} to {last}"


def _own_bytes(pid: int) -> int:
    """Memory that a process has to itself: without files it maps, without ours.

    See proc_pid_statm(5).
    """
    try:
        text = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    except OSError:
        return 0  # it has ended
    _, resident, shared, *_ = map(int, text.split())
    return (resident - shared) * _PAGE


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
