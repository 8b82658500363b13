"""Workers of a dask cluster: on this machine, or on many.

A worker opens the work once and keeps it: models are loaded once. Spans go out in
blocks that a worker merges by itself, so that little comes back. What becomes of a
block whose worker dies, and who takes one from a slow worker, is the scheduler's
business.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

from distributed import Client, LocalCluster, get_worker
from distributed.scheduler import KilledWorker

from harness.core.errors import BackendError, HarnessError, WorkerCrashed
from harness.core.provenance import package_versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.engines.protocol import Hands, Progress, Settings, Work

# Blocks a worker at a time: one that runs, one that waits, and some for the slow ones.
_BLOCKS_AHEAD = 4
_MOST_SPANS = 16
_CONNECT_SECONDS = 30
_CLOSE_SECONDS = 10.0
# Of a worker, under which it keeps what it opened.
_ATTRIBUTE = "model_quality_harness"

Block: TypeAlias = "tuple[slice, ...]"


@contextmanager
def start(work: Work, settings: Settings) -> Iterator[Cluster]:
    """Connect to a cluster, or make one on this machine; it is left as it was found.

    Raises:
        HarnessError: The work cannot be opened.
        BackendError: There is no such cluster, or it has other versions than we.
    """
    with ExitStack() as stack:
        stack.enter_context(_own_environment())
        address = settings.address
        if address is None:
            local = LocalCluster(
                n_workers=settings.workers,
                threads_per_worker=1,
                processes=True,
                # Told to nobody, and to no other machine.
                dashboard_address="127.0.0.1:0",
                # Memory is bounded by us; what is left is the models'.
                memory_limit=0,
                silence_logs=50,
            )
            address = stack.enter_context(local)
        client = stack.enter_context(_connected(address))
        crew = Cluster(client, work, merges=settings.merges)
        stack.callback(crew.close)
        yield crew


class Cluster:
    """A cluster's workers; see `harness.engines.protocol.Crew`.

    Args:
        client: Connected to the cluster.
        work: What each worker opens.
        merges: Whether blocks are merged by the workers.

    Raises:
        HarnessError: The work cannot be opened.
        BackendError: A worker has other versions than we.
    """

    def __init__(self, client: Client, work: Work, *, merges: bool) -> None:
        self._client = client
        self._merges = merges
        self._work = work
        # Another run of the same suite is other work: files may have changed.
        self._token = uuid4().hex
        self._check_versions()

    def introduce(self) -> bytes:
        """What a worker says of the work."""
        asked = self._client.submit(_introduce, self._token, self._work, pure=False)
        return bytes(_result(asked))

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[bytes]:
        """The answer to each block of spans, in their order.

        Raises:
            HarnessError: The work fails.
            WorkerCrashed: A block ends one worker after another.
        """
        n_workers = max(1, len(self._client.ncores()))
        waiting = deque(_blocks(spans, n_workers, merges=self._merges))
        running: deque[tuple[Block, Any]] = deque()
        while waiting or running:
            while waiting and len(running) < _BLOCKS_AHEAD * n_workers:
                block = waiting.popleft()
                running.append((block, self._submit(block)))
            block, future = running.popleft()
            yield from _result(future)
            if progress is not None:
                progress(block[-1].stop, spans[-1].stop)

    def close(self) -> None:
        """Have the workers close what they opened."""
        # A worker that is being started again would be waited for without end.
        asked = Thread(target=self._release, daemon=True)
        asked.start()
        asked.join(_CLOSE_SECONDS)

    def _release(self) -> None:
        with suppress(Exception):  # the cluster may be gone by now
            self._client.run(_release, self._token, on_error="ignore")

    def _submit(self, block: Block) -> Any:
        return self._client.submit(
            _run,
            self._token,
            self._work,
            block,
            merges=self._merges,
            pure=False,
        )

    def _check_versions(self) -> None:
        ours = package_versions()
        for address, theirs in self._client.run(package_versions).items():
            for name, version in ours.items():
                if theirs.get(name, version) != version:
                    raise BackendError(
                        f"the worker at {address} has {name} {theirs[name]}, and here"
                        f" is {version}",
                        hint="install the same versions on every worker: what models"
                        " answer depends on them",
                    )


@dataclass(eq=False)
class _Kept:
    """Work that a worker keeps open, and who may use it: one thread at a time."""

    stack: ExitStack
    hands: Hands
    lock: Lock = field(default_factory=Lock)


_opening = Lock()


def _kept(token: str, work: Work) -> _Kept:
    """The work, opened at the first call in this worker."""
    worker = get_worker()
    with _opening:
        everything = vars(worker).setdefault(_ATTRIBUTE, {})
        if token not in everything:
            stack = ExitStack()
            hands = stack.enter_context(work.open())
            everything[token] = _Kept(stack, hands)
        found: _Kept = everything[token]
        return found


def _introduce(token: str, work: Work) -> bytes:
    return _kept(token, work).hands.introduce()


def _run(token: str, work: Work, block: Block, *, merges: bool) -> list[bytes]:
    kept = _kept(token, work)
    with kept.lock:
        hands = kept.hands
        return hands.block(block) if merges else list(hands.run(block))


def _release(token: str, dask_worker: Any = None) -> None:
    """Close the work in a worker, whom dask passes by that name."""
    kept = vars(dask_worker).get(_ATTRIBUTE, {}).pop(token, None)
    if kept is not None:
        kept.stack.close()


@contextmanager
def _own_environment() -> Iterator[None]:
    """Take back what dask sets for its workers, and leaves set in our process."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


def _connected(address: Any) -> Client:
    try:
        return Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise BackendError(
            f"no dask scheduler answers at {address}: {error}",
            hint="name the address that dask scheduler prints, tcp://host:8786",
        ) from error


def _result(future: Any) -> Any:
    """What a task found.

    Raises:
        HarnessError: What it raised; a worker's death is a crash.
    """
    try:
        return future.result()
    except HarnessError:
        raise
    except KilledWorker as error:
        raise WorkerCrashed(
            f"workers of the cluster die one after another: {error}",
            hint='run with isolation = "process" and --engine local: it names the'
            " variant that crashes",
        ) from error


def _blocks(spans: Sequence[slice], n_workers: int, *, merges: bool) -> Iterator[Block]:
    """Spans a task: several for each worker, so that the last ones end together."""
    size = 1
    while merges and size < _MOST_SPANS and 8 * size * n_workers <= len(spans):
        size *= 2
    return (tuple(spans[at : at + size]) for at in range(0, len(spans), size))
