"""What a variant's process writes, to either of its outputs."""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from contextlib import suppress

_CHUNK = 1 << 16
_KEPT_LINES, _KEPT_BYTES = 5, 500


class Words:
    """What a process writes: passed on to our standard error, its end kept.

    Args:
        name: Stands before each line.
        fd: The pipe that it comes through.
    """

    def __init__(self, name: str, fd: int) -> None:
        self._name = name
        self._fd = fd
        self._open = True
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)
        self._rest = b""
        os.set_blocking(fd, False)

    def pass_on(self, seconds: float) -> None:
        """Wait so long for words, and take in those that are there."""
        poll = select.poll()
        if self._open:
            poll.register(self._fd, select.POLLIN)
        poll.poll(seconds * 1000)
        with suppress(BlockingIOError):
            while self._open and (chunk := os.read(self._fd, _CHUNK)):
                self._take(chunk)
                if seconds:
                    return
            self._open = False

    def finish(self) -> None:
        """Take in what is left."""
        self.pass_on(0)
        if self._rest:
            self._take(b"\n")

    def last(self) -> str:
        """The last lines of a process that has finished, as one."""
        text = " / ".join(filter(None, map(_in_one_line, self._kept)))
        return text if len(text) <= _KEPT_BYTES else f"... {text[-_KEPT_BYTES:]}"

    def _take(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _CHUNK:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            self._kept.append(text)
            # Standard error may be closed, or gone.
            with suppress(AttributeError, OSError, ValueError):
                sys.stderr.write(f"{self._name}: {text}\n")


def _in_one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).strip()
