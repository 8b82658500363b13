"""A session with its preprocessing, name map and batch size: window in, answers out."""

from __future__ import annotations

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from time import perf_counter
from typing import TYPE_CHECKING

from harness.core.machine import cores, n_cores
from harness.core.protocols import WindowSession
from harness.run.batches import answer_window
from harness.run.windows import RunFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from harness.core.protocols import Array, Arrays, Session

_CORES = math.ceil(n_cores()) if cores() else 1
# More windows under way than cores would only count each other's time as theirs.
_core = BoundedSemaphore(_CORES)


class Predictor:
    """Runs one variant over windows of golden samples, batch by batch.

    Args:
        name: Of the variant, for messages.
        session: The loaded model or recording; closed by `close`.
        bound: Golden input name -> model input name.
        prepare: Brings a golden array to what the model is fed.
        batch_size: Samples a call; the session's own, where it has one, wins.
        beside: Whether a session in our own process may answer in a thread, beside
            others: its runtime must allow that, and release the interpreter's lock.

    Attributes:
        fed: Whether the session is fed; a recording is not.
        seconds: Time spent in the session so far.
        n_samples: Samples answered so far.
    """

    def __init__(
        self,
        name: str,
        session: Session,
        bound: Mapping[str, str],
        prepare: Callable[[Array], Array],
        batch_size: int,
        *,
        beside: bool = False,
    ) -> None:
        self.name = name
        self.session = session
        self.batch_size = session.batch_size or batch_size
        self.fed = bool(session.inputs)
        self.seconds = 0.0
        self.n_samples = 0
        self._bound = tuple(bound.items())
        self._prepare = prepare
        self._asked: deque[tuple[Arrays, slice]] = deque()
        # Work that is done elsewhere can be under way while we do ours.
        self._elsewhere = session if isinstance(session, WindowSession) else None
        # On one core, threads would only take turns.
        beside = beside and self._elsewhere is None and _CORES > 1
        self._thread = ThreadPoolExecutor(1, f"run {name}") if beside else None
        self._answering: deque[Future[tuple[dict[str, Array], float]]] = deque()

    @property
    def bound(self) -> dict[str, str]:
        """Golden input name -> model input name."""
        return dict(self._bound)

    @property
    def facts(self) -> RunFacts:
        """What others may know of it."""
        session = self.session
        return RunFacts(
            outputs=session.outputs,
            runtime=dict(session.runtime),
            batch_size=self.batch_size,
            fixed=session.batch_size,
            fed=self.fed,
            bound=self.bound,
        )

    def predict(self, inputs: Arrays, rows: slice) -> dict[str, Array]:
        """Answers for golden samples `rows`: `begin`, then `collect`."""
        self.begin(inputs, rows)
        return self.collect()

    def begin(self, inputs: Arrays, rows: slice) -> None:
        """Set out on golden samples `rows`; without thread or process, it waits.

        Two windows at most may be under way, and are collected in their order.

        Args:
            inputs: Golden input name -> array; axis 0 counts the samples of `rows`.
            rows: Which golden samples these are.

        Raises:
            BackendError: The session's process has died.
        """
        self._asked.append((inputs, rows))
        if self._elsewhere is not None:
            self._elsewhere.begin(self.feeds(inputs), rows, self._step(rows))
        elif self._thread is not None:
            self._answering.append(self._thread.submit(self._answer, inputs, rows))

    def collect(self) -> dict[str, Array]:
        """The answers that the earliest `begin` set out for.

        Returns:
            Model output name -> array; axis 0 counts samples.

        Raises:
            InferenceError: The session fails, or answers with another number of
                samples than it was asked.
            BackendError: The session's process died or took too long.
        """
        inputs, rows = self._asked.popleft()
        if self._elsewhere is not None:
            answers, seconds = self._elsewhere.collect()
        elif self._answering:
            answers, seconds = self._answering.popleft().result()
        else:
            answers, seconds = self._answer(inputs, rows)
        self.seconds += seconds
        self.n_samples += rows.stop - rows.start
        return answers

    def close(self) -> None:
        """Free the session; waits for a window that its thread is answering."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self.session.close()

    def _answer(self, inputs: Arrays, rows: slice) -> tuple[dict[str, Array], float]:
        with _core:
            feeds = self.feeds(inputs)
            started = perf_counter()
            fixed = self.session.batch_size is not None
            run, step = self.session.run, self._step(rows)
            answers = answer_window(run, feeds, rows, step, fixed=fixed)
            return answers, perf_counter() - started

    def feeds(self, inputs: Arrays) -> dict[str, Array]:
        """What the model is fed for golden inputs: preprocessed, by its own names."""
        return {target: self._prepare(inputs[name]) for name, target in self._bound}

    def _step(self, rows: slice) -> int:
        # A recording is not fed, so nothing is gained by asking it in small batches.
        return self.batch_size if self.fed else rows.stop - rows.start
