"""Our side of a variant's process: it is asked, it answers, or it has died."""

from __future__ import annotations

import socket
import subprocess
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from harness.core.errors import MissingDependencyError
from harness.run.isolation.blocks import Block
from harness.run.isolation.channel import Channel, error_of
from harness.run.isolation.launch import DEFAULT_TIMEOUT
from harness.run.isolation.pulse import Pulse
from harness.run.isolation.watch import Task, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.errors import BackendError
    from harness.run.isolation.launch import Launch

# For a runtime to free its model; then there is nothing more to learn from it.
_PATIENCE_SECONDS = 2.0


class Process:
    """A variant's process, with the memory shared with it.

    Args:
        launch: How it is started.

    Attributes:
        feeds: Where we write, in turn: one is read while the other is filled.
        answers: Where it does, in turn.

    Raises:
        SuiteError: This system cannot do what `launch` asks.
        MissingDependencyError: The interpreter cannot be started.
    """

    def __init__(self, launch: Launch) -> None:
        launch.check()
        self._launch = launch
        self.feeds = (Block.create(), Block.create())
        self.answers = (Block.create(), Block.create())
        self._beats = Block.create()
        self._blocks = (*self.feeds, *self.answers, self._beats)
        ours, theirs = socket.socketpair()
        self._end = ours
        self._channel = Channel(ours)
        try:
            with theirs:
                fds = (theirs.fileno(), *(block.fd for block in self._blocks))
                self._process = _spawn(launch, fds)
        except OSError as error:
            self._release()
            raise MissingDependencyError(
                f"variant {launch.name!r}: its process cannot be started:"
                f" {error.strerror or error}",
                hint="name an interpreter that runs on this machine",
            ) from error
        memory = None if launch.memory is None else launch.memory * 10**6
        self._pulse = Pulse(self._beats)
        args = (self._process, self._pulse, launch.name, memory, self._hang_up)
        self._watch = Watch(*args)
        self._asked = 0
        self._replied = 0
        self._closed = False

    def ask(
        self,
        message: Mapping[str, object],
        rows: slice | None = None,
        step: int | None = None,
    ) -> None:
        """Send a request; what becomes of it, `reply` tells, in the order of asking."""
        self._asked += 1
        launch = self._launch
        limit = launch.load_timeout if rows is None else launch.timeout
        limit = DEFAULT_TIMEOUT if limit is None else limit
        self._watch.expect(Task(self._asked, monotonic_ns(), limit, rows, step))
        # Why nobody listens is found out where the reply is missed.
        with suppress(OSError):
            self._channel.send(message)

    def reply(self) -> dict[str, Any]:
        """Wait for the answer to a request.

        Raises:
            HarnessError: What the process answers with.
            WorkerCrashed: It has died, or answers nonsense.
            WorkerTimeout: It took too long.
        """
        try:
            message = self._channel.receive()
            error = None if message is None else error_of(message)
        except ValueError as odd:
            raise self._watch.broken(f"nonsense: {odd}") from odd
        if message is None:
            raise self._watch.death()
        self._replied += 1
        if error is not None:
            raise error
        return message

    def broken(self, error: Exception) -> BackendError:
        """The error for an answer that cannot be read; the process is killed."""
        return self._watch.broken(f"what cannot be read: {error}")

    def close(self) -> None:
        """End the process: by itself where it waits for us, else at once."""
        if self._closed:
            return
        self._closed = True
        self._hang_up()
        idle = self._asked == self._replied
        self._watch.close(_PATIENCE_SECONDS if idle else 0)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._pulse.close()
        self._release()

    def _hang_up(self) -> None:
        """Whoever waits for a message is told that none will come."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        self._channel.close()
        for block in self._blocks:
            block.close()


def _spawn(launch: Launch, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        launch.command(fds),
        env=launch.environment(),
        pass_fds=fds,
        stdin=subprocess.DEVNULL,
        # Chatter of a runtime belongs to neither our output nor our messages.
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Ctrl-C is ours to handle; and what it starts ends with it.
        start_new_session=True,
    )
