"""Our side of a worker process."""

from __future__ import annotations

import json
import pickle
import socket
import subprocess
import sys
from collections import deque
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.engines.protocol import Work

# For sessions to close and their processes to end.
_PATIENCE_SECONDS = 5.0
# What can be imported here can be imported there, whatever made it so.
# Libraries look at the cores when they are imported.
_START = (
    "import json, os, sys; fd, cores, sys.path[:] = json.loads(sys.argv[1]);"
    " cores and os.sched_setaffinity(0, cores);"
    " from harness.engines.worker import serve; serve(fd)"
)


class Process:
    """A worker process that has been given work.

    Args:
        work: What it opens.
        cores: The cores that it may use; none named leaves it all.

    Attributes:
        connection: Becomes readable when it has something to say, or has died.
        owed: Spans that it was asked for and has not answered, in their order.
        introduced: Whether it has opened the work.
    """

    def __init__(self, work: Work, cores: Sequence[int] = ()) -> None:
        ours, theirs = socket.socketpair()
        self.connection = Connection(ours.detach())
        self.owed: deque[slice] = deque()
        self.introduced = False
        with theirs:
            self._process = _spawn(theirs.fileno(), cores)
        self._send(pickle.dumps(work))

    def ask(self, spans: Sequence[slice]) -> None:
        """Have it run some spans."""
        self.owed.extend(spans)
        self._send(pickle.dumps(tuple(spans)))

    def receive(self) -> bytes | None:
        """What it says: its introduction, then the answer to the first that it owes.

        Returns:
            None where it has died.

        Raises:
            HarnessError: The work cannot be opened, or fails.
        """
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(said, HarnessError):
            raise said
        if self.introduced:
            self.owed.popleft()
        self.introduced = True
        return bytes(said)

    def last(self) -> str:
        """How a process that has died has ended."""
        try:
            code = self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return "it hung up"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self, patience: float = _PATIENCE_SECONDS) -> None:
        """End the process: by itself where it waits for us, else by force."""
        self.connection.close()
        if self.owed:
            self._process.kill()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: bytes) -> None:
        # Why nobody listens is found out where the answer is missed.
        with suppress(OSError):
            self.connection.send_bytes(message)


def _spawn(fd: int, cores: Sequence[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _START, json.dumps([fd, list(cores), sys.path])],
        pass_fds=(fd,),
        stdin=subprocess.DEVNULL,
        # Our output may be a report; what workers say is for people.
        stdout=2,
        # Ctrl-C is ours to handle.
        start_new_session=True,
    )
