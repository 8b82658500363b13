"""A dask cluster of our own, on this machine alone."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask
from distributed import Nanny, Scheduler, SpecCluster

from harness.engines.cores import cores_in_all, shares

if TYPE_CHECKING:
    from collections.abc import Iterator

# What dask says of errors that it hands on to us as well.
SILENT = logging.CRITICAL
_HERE = "127.0.0.1"
_CONFIG = {
    # Of dask's own, some count threads, which is what cores of their own are for; and
    # one has every large array come from the system anew and go back to it.
    "distributed.nanny.pre-spawn-environ": {},
    # A block waits for whoever is free first.
    "distributed.scheduler.worker-saturation": 1.0,
    # A worker that has died is not knocked at for half a minute.
    "distributed.comm.timeouts.connect": "10s",
    # Nobody looks at where the time goes, a hundred times a second.
    "distributed.worker.profile.enabled": False,
}
# Before sessions look at the cores. Ctrl-C is ours to handle. Our output may be a
# report; what workers say is for people.
_PRELOAD = """
import os
from harness.engines.cores import keep_to

def dask_setup(worker):
    keep_to({cores})
    os.setsid()
    os.dup2(2, 1)
"""


@contextmanager
def own_cluster(n_workers: int | None) -> Iterator[SpecCluster]:
    """Start a cluster, and end it: workers of one thread, each with its cores.

    A worker that dies is started again by its nanny, which lives in this process.

    Args:
        n_workers: How many; None takes one a core.
    """
    everyone = shares(n_workers or cores_in_all())
    with (
        dask.config.set(_CONFIG),
        SpecCluster(
            scheduler={"cls": Scheduler, "options": _scheduler()},
            workers={
                place: {"cls": Nanny, "options": _worker(cores)}
                for place, cores in enumerate(everyone)
            },
            silence_logs=SILENT,
        ) as cluster,
    ):
        yield cluster


def _scheduler() -> dict[str, Any]:
    # Told to nobody, and to no other machine.
    return {"host": _HERE, "dashboard": False, "dashboard_address": f"{_HERE}:0"}


def _worker(cores: tuple[int, ...]) -> dict[str, Any]:
    return {
        "host": _HERE,
        "nthreads": 1,
        # Memory is bounded by us; what is left is the models'.
        "memory_limit": 0,
        "preload": [_PRELOAD.format(cores=cores)],
        "silence_logs": SILENT,
    }
