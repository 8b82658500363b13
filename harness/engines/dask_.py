"""Workers of a dask cluster: on this machine, or on many.

Spans go out in blocks that a worker merges by itself, so that little comes back: large
ones at first, single spans at the end. What becomes of a block whose worker dies, and
who takes one from a slow worker, is the scheduler's business.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from distributed import Client, wait
from distributed.utils import silence_logging_cmgr

from harness.core.errors import BackendError, HarnessError
from harness.core.provenance import package_versions
from harness.engines.blocks import next_block
from harness.engines.dask_errors import (
    lacking_packages,
    reaching_the_scheduler,
    result_of,
)
from harness.engines.dask_own import SILENT, own_cluster
from harness.engines.dask_worker import Order, check_versions, introduce, release, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.engines.blocks import Block
    from harness.engines.protocol import Progress, Settings, Work

_MOST_MERGED = 16
_MOST_APART = 4
# Blocks a worker that are asked for at a time. While one is slow, the others go on so
# far; their answers wait where they were found.
_BLOCKS_AHEAD = 16
_CONNECT_SECONDS = 30
_CLOSE_SECONDS = 10.0
# For workers to come, where there are none: a cluster may grow as it is asked for work.
_NOBODY_SECONDS = 60.0
_LOOK_SECONDS = 5.0
# For one answer to come from where it was found.
_FETCH_SECONDS = 60.0


@contextmanager
def start(work: Work, settings: Settings) -> Iterator[Cluster]:
    """Connect to a cluster, or make one on this machine; it is left as it was found.

    Raises:
        HarnessError: The work cannot be opened.
        BackendError: There is no such cluster, or it has other versions than we.
    """
    with ExitStack() as stack:
        address: Any = settings.address
        stack.enter_context(silence_logging_cmgr(SILENT))
        if address is None:
            address = stack.enter_context(own_cluster(settings.workers))
        client = stack.enter_context(_connected(address))
        crew = Cluster(client, work, merges=settings.merges)
        stack.callback(crew.close)
        yield crew


@dataclass(eq=False, slots=True)
class _Asked:
    """A block that was handed out."""

    block: Block
    future: Any
    counted: bool = False

    @property
    def n_samples(self) -> int:
        """Golden samples that it holds."""
        n: int = self.block[-1].stop - self.block[0].start
        return n


class Cluster:
    """A cluster's workers; see `harness.engines.protocol.Crew`.

    Those that are there open the work at once, others at their first block.

    Args:
        client: Connected to the cluster.
        work: What each worker opens.
        merges: Whether blocks are merged by the workers.

    Raises:
        BackendError: A worker has other versions than we.
    """

    def __init__(self, client: Client, work: Work, *, merges: bool) -> None:
        self._client = client
        self._merges = merges
        # Another run of the same suite is other work: files may have changed.
        self._key = f"order-{uuid4().hex}"
        versions = package_versions()
        _check_workers(client, versions)
        order = Order(self._key, work, versions)
        self._order = client.submit(_held, order, key=self._key)
        self._opening = [self._ask_for_introduction(who) for who in self._workers()]

    def introduce(self) -> bytes:
        """What the first worker to open the work says of it.

        Raises:
            HarnessError: The work cannot be opened.
            BackendError: There is no worker.
        """
        asked = self._opening or [self._ask_for_introduction()]
        self._await(asked)
        first = next(future for future in asked if future.done())
        return bytes(self._fetched(first))

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[bytes]:
        """The answer to each block of spans, in their order.

        Raises:
            HarnessError: The work fails.
            BackendError: The scheduler or all workers are gone.
            WorkerCrashed: A block ends one worker after another.
        """
        asked: deque[_Asked] = deque()
        handed_out = done = 0
        while asked or handed_out < len(spans):
            handed_out += self._hand_out(spans, handed_out, asked)
            self._await([one.future for one in asked if not one.counted])
            done += _count(asked)
            if progress is not None:
                progress(done, spans[-1].stop)
            while asked and asked[0].counted:
                yield from self._fetched(asked.popleft().future)

    def close(self) -> None:
        """Have the workers close what they opened."""
        # A worker that is being started again would be waited for without end, and so
        # would a scheduler that is gone.
        asked = Thread(target=self._release, daemon=True)
        asked.start()
        deadline = monotonic() + _CLOSE_SECONDS
        while self._client.status == "running" and monotonic() < deadline:
            asked.join(_CLOSE_SECONDS / 100)
            if not asked.is_alive():
                return

    def _release(self) -> None:
        with suppress(Exception):  # the cluster may be gone by now
            self._client.run(release, self._key, on_error="ignore")

    def _hand_out(
        self, spans: Sequence[slice], start: int, asked: deque[_Asked]
    ) -> int:
        """Hand out blocks, few enough ahead; returns how many spans they hold."""
        first = start
        n_workers = max(1, len(self._workers()))
        most = _MOST_MERGED if self._merges else _MOST_APART
        while start < len(spans) and len(asked) < _BLOCKS_AHEAD * n_workers:
            block = next_block(spans, start, n_workers, most)
            asked.append(_Asked(block, self._submit(block)))
            start += len(block)
        return start - first

    def _submit(self, block: Block) -> Any:
        return self._client.submit(
            run,
            self._order,
            block,
            merges=self._merges,
            # The oldest is what everybody waits for, the more so if it is run again.
            priority=-block[0].start,
            pure=False,
        )

    def _ask_for_introduction(self, *preferred: str) -> Any:
        return self._client.submit(
            introduce,
            self._order,
            workers=preferred or None,
            allow_other_workers=bool(preferred),
            pure=False,
        )

    def _await(self, futures: Sequence[Any]) -> None:
        """Wait until one of them is done.

        Raises:
            BackendError: The scheduler is gone, or there is nobody to wait for.
        """
        alone_since = None
        while True:
            with suppress(TimeoutError), reaching_the_scheduler():
                wait(futures, timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED")
                return
            if self._workers():
                alone_since = None
                continue
            alone_since = alone_since or monotonic()
            if monotonic() - alone_since >= _NOBODY_SECONDS:
                raise BackendError(
                    f"the dask cluster has had no workers for {_NOBODY_SECONDS:.0f}"
                    " seconds",
                    hint="start some, beside its scheduler: dask worker"
                    f" {self._client.scheduler.address}",
                )

    def _fetched(self, future: Any) -> Any:
        """What a task found, which is lost and found again if its worker has gone."""
        while True:
            self._await([future])
            try:
                return result_of(future, _FETCH_SECONDS)
            except TimeoutError:
                if future.status == "error":
                    raise  # of the task

    def _workers(self) -> list[str]:
        """Addresses of those that are there."""
        with reaching_the_scheduler():
            return sorted(self._client.ncores())


def _count(asked: Iterable[_Asked]) -> int:
    """Take note of blocks that are done; returns how many samples they hold.

    Raises:
        HarnessError: One has failed, whether or not it comes next.
    """
    n_samples = 0
    for one in asked:
        if one.counted or not one.future.done():
            continue
        if one.future.status == "error":
            result_of(one.future, _FETCH_SECONDS)
        one.counted = True
        n_samples += one.n_samples
    return n_samples


def _held(order: Order) -> Order:
    """What blocks are run by: a task, so that it outlives the worker that holds it."""
    return order


def _connected(address: Any) -> Client:
    try:
        return Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise BackendError(
            f"no dask scheduler answers at {address}: {error}",
            hint="name the address that dask scheduler prints, tcp://host:8786",
        ) from error


def _check_workers(client: Client, versions: Mapping[str, str]) -> None:
    """Look at the workers that are there: one that cannot import what it is sent ends.

    Raises:
        BackendError: A worker lacks our package, or has other versions.
    """
    for found in client.run(check_versions, versions, on_error="return").values():
        if isinstance(found, HarnessError):
            raise found
        # One that has just died is replaced. Classes that somebody on the way did not
        # know come as plain exceptions.
        if isinstance(found, Exception) and not isinstance(found, OSError):
            raise lacking_packages(found) from found
