"""What runs in the workers of a dask cluster.

A worker opens a piece of work at the first block of it, and keeps it open: models are
loaded once. It closes the work when it is told to; or, where nobody lives to tell it,
when the scheduler no longer knows the order, which it forgets with its client.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from distributed import get_worker
from distributed.utils import sync
from tornado.ioloop import PeriodicCallback

from harness.core.errors import BackendError
from harness.core.provenance import package_versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.engines.blocks import Block
    from harness.engines.protocol import Hands, Work

# Of a worker, under which it keeps what it opened.
_ATTRIBUTE = "model_quality_harness"
_SWEEP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Order:
    """Work that a client asks for, which the scheduler keeps as long as it is there.

    Attributes:
        key: Of the scheduler's task that holds this order.
        work: What each worker opens.
        versions: Package -> version that the client has, and workers must.
    """

    key: str
    work: Work
    versions: Mapping[str, str]


@dataclass(eq=False)
class _Kept:
    """Work that a worker keeps open, and who may use it: one thread at a time."""

    stack: ExitStack
    hands: Hands
    lock: Lock = field(default_factory=Lock)
    wanted: bool = True

    def drop(self) -> None:
        """Close it, now or when whoever uses it has done."""
        self.wanted = False
        if self.lock.acquire(blocking=False):
            try:
                self.stack.close()
            finally:
                self.lock.release()


_opening = Lock()


def introduce(order: Order) -> bytes:
    """What this worker says of the work, once it has opened it."""
    with _hands(order) as hands:
        return hands.introduce()


def run(order: Order, block: Block, *, merges: bool) -> list[bytes]:
    """The answers to a block of spans, merged or one a span."""
    with _hands(order) as hands:
        return hands.block(block) if merges else list(hands.run(block))


def check_versions(versions: Mapping[str, str], dask_worker: Any) -> None:
    """Look whether models answer here as they do where the command runs.

    Args:
        versions: Package -> version there.
        dask_worker: Where this runs; dask passes it by that name.

    Raises:
        BackendError: Something has another version here.
    """
    here = package_versions()
    for name, version in versions.items():
        if here.get(name, version) != version:
            raise BackendError(
                f"the worker at {dask_worker.address} has {name} {here[name]}, and"
                f" where the command runs is {version}",
                hint="install the same versions on every worker: what models answer"
                " depends on them",
            )


async def release(key: str, dask_worker: Any) -> None:
    """Close the work of an order, in the worker that dask passes by that name."""
    kept = _everything(dask_worker).pop(key, None)
    if kept is not None:
        await asyncio.to_thread(kept.drop)


async def sweep(worker: Any) -> None:
    """Close work whose client is gone."""
    keys = list(_everything(worker))
    holders = await worker.scheduler.who_has(keys=keys) if keys else {}
    for key in keys:
        if not holders.get(key):
            await release(key, worker)


@contextmanager
def _hands(order: Order) -> Iterator[Hands]:
    """The work, for this thread alone; opened at the first use in this worker."""
    kept = _kept(order, get_worker())
    try:
        with kept.lock:
            yield kept.hands
    finally:
        if not kept.wanted:
            kept.drop()


def _kept(order: Order, worker: Any) -> _Kept:
    everything = _everything(worker)
    with _opening:
        if order.key not in everything:
            # Models of those who are gone would be in the way.
            sync(worker.loop, sweep, worker)
            _keep_sweeping(worker)
            check_versions(order.versions, worker)
            stack = ExitStack()
            hands = stack.enter_context(order.work.open())
            everything[order.key] = _Kept(stack, hands)
        found: _Kept = everything[order.key]
        return found


def _everything(worker: Any) -> dict[str, _Kept]:
    """What a worker keeps, by the keys of its orders."""
    found: dict[str, _Kept] = vars(worker).setdefault(_ATTRIBUTE, {})
    return found


def _keep_sweeping(worker: Any) -> None:
    if _ATTRIBUTE not in worker.periodic_callbacks:
        sweeping = PeriodicCallback(partial(sweep, worker), 1000 * _SWEEP_SECONDS)
        worker.periodic_callbacks[_ATTRIBUTE] = sweeping
        worker.loop.add_callback(sweeping.start)
