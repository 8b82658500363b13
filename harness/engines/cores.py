"""Cores of this machine, shared out among workers."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def shares(n_workers: int) -> list[tuple[int, ...]]:
    """The cores of each worker; none named where they must be shared."""
    cores = _cores()
    if n_workers > len(cores):
        return [()] * n_workers
    return [tuple(cores[place::n_workers]) for place in range(n_workers)]


def keep_to(cores: Sequence[int]) -> None:
    """Have this process, with all threads that it has, run on these cores alone."""
    for thread in Path("/proc/self/task").iterdir() if cores else ():
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread.name), cores)


def cores_in_all() -> int:
    """How many cores this process may use."""
    return max(1, len(_cores()) or os.cpu_count() or 1)


def _cores() -> list[int]:
    affinity = getattr(os, "sched_getaffinity", None)
    return sorted(affinity(0)) if affinity else []
