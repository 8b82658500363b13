"""The variant's side: opens the model, and answers windows until nobody asks."""

from __future__ import annotations

import os
import platform
import socket
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from harness.core.codec import from_json, to_json
from harness.core.errors import HarnessError, MissingDependencyError, WorkerOutOfMemory
from harness.core.parents import die_with_the_parent
from harness.core.registry import LazyEntry, Registry
from harness.run.axes import Axes, sample_first
from harness.run.batches import answer_window
from harness.run.isolation.blocks import Block, Slot, read_arrays, write_arrays
from harness.run.isolation.channel import Channel, error_message
from harness.run.isolation.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from harness.core.protocols import Arrays, Backend, Session


def serve(fds: Sequence[int]) -> None:
    """Answer requests until the channel closes, then end the process.

    Args:
        fds: Of the channel, the feeds (two), the answers (two) and the pulse.
    """
    for fd in fds:
        os.set_inheritable(fd, False)
    sys.excepthook = _end
    die_with_the_parent()
    channel, *feeds_and_answers, beats = fds
    blocks = [Block(fd) for fd in feeds_and_answers]
    worker = Worker(blocks[:2], blocks[2:], Pulse(Block(beats)))
    # A copy: the channel itself stays open until the process is gone.
    wire = Channel(socket.socket(fileno=os.dup(channel)))
    while (request := wire.receive()) is not None:
        reply = worker.reply(request)
        worker.pulse.answer()
        try:
            wire.send(reply)
        except OSError:
            break  # nobody is there to hear it
    worker.close()
    _exit(0)


class Worker:
    """One model and the memory in which it is fed and answers.

    Args:
        feeds: Where the other side writes, in turn.
        answers: Where we do, in turn.
        pulse: Where we tell how far we are.
    """

    def __init__(
        self, feeds: Sequence[Block], answers: Sequence[Block], pulse: Pulse
    ) -> None:
        self._feeds = feeds
        self._answers = answers
        self.pulse = pulse
        self._session: Session | None = None

    def reply(self, request: dict[str, Any]) -> dict[str, object]:
        """What a request is answered with; a failure of ours is an answer too."""
        try:
            if "open" in request:
                return self._open(request["open"])
            if "axes" in request:
                return self._arrange(Axes(**request["axes"]))
            return self._window(request)
        except HarnessError as error:
            return error_message(error)
        except MemoryError as error:
            return error_message(self._out_of_memory(error, opening="open" in request))

    def close(self) -> None:
        """Free the model."""
        if self._session is not None:
            self._session.close()

    def _open(self, asked: dict[str, Any]) -> dict[str, object]:
        if asked["sys_path"] is not None:
            sys.path[:] = asked["sys_path"]
        backend = asked["backend"]
        entry = from_json(LazyEntry, asked["entry"])
        table: Registry[Backend] = Registry("backend", {backend: entry})
        try:
            session = table.get(backend)(Path(asked["model"]), asked["options"])
        except ImportError as error:
            raise MissingDependencyError(
                f"backend {backend!r} needs what cannot be imported: {error}",
                hint=entry.install_hint(),
            ) from error
        self._session = session
        return self._facts(session)

    def _arrange(self, axes: Axes) -> dict[str, object]:
        assert self._session is not None  # opened before it is asked
        self._session = sample_first(self._session, axes)
        return self._facts(self._session)

    def _facts(self, session: Session) -> dict[str, object]:
        return {
            "inputs": to_json(session.inputs),
            "outputs": to_json(session.outputs),
            "runtime": dict(session.runtime),
            "batch_size": session.batch_size,
            "python": platform.python_version(),
            "numpy": np.__version__,
        }

    def _out_of_memory(self, error: MemoryError, *, opening: bool) -> WorkerOutOfMemory:
        text = " ".join(str(error).split()) or "its runtime could get no more"
        where = "while it loaded the model"
        if not opening:
            where = f"from sample {self.pulse.row} on"
        return WorkerOutOfMemory(
            f"out of memory {where}: {text}",
            hint="lower the variant's batch_size, or give it more memory",
        )

    def _window(self, asked: dict[str, Any]) -> dict[str, object]:
        rows = slice(*asked["rows"])
        slots = from_json(tuple[Slot, ...], asked["feeds"])
        turn = asked["turn"]
        feeds = read_arrays(self._feeds[turn], slots, owned=False)
        started = perf_counter()
        answers = self._answer(feeds, rows, asked["step"])
        seconds = perf_counter() - started
        written = write_arrays(self._answers[turn], answers, "output")
        return {"answers": to_json(written), "seconds": seconds}

    def _answer(self, feeds: Arrays, rows: slice, step: int | None) -> Arrays:
        """A window in batches of `step`; None makes it one call, and none of our own.

        Only there an answer's first axis need not count samples.
        """
        session = self._session
        assert session is not None  # opened before it is asked
        run, beat = session.run, self.pulse.beat

        def told(batch: Arrays, rows: slice) -> Arrays:
            beat(rows.start)
            return run(batch, rows)

        if step is None:
            return told(feeds, rows)
        fixed = session.batch_size is not None
        return answer_window(told, feeds, rows, step, fixed=fixed)


def _end(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> NoReturn:
    """Tell what nobody caught, and end."""
    sys.__excepthook__(kind, error, trace)
    _exit(1)


def _exit(code: int) -> NoReturn:
    """End at once: runtimes tear down threads at exit, and some hang there."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
