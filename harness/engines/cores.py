"""Cores of this machine, shared out among workers."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.machine import cores, n_cores

if TYPE_CHECKING:
    from collections.abc import Sequence


def shares(n_workers: int) -> list[tuple[int, ...]]:
    """The cores of each worker; none named where they must be shared."""
    ours = cores()
    if n_workers > len(ours):
        return [()] * n_workers
    return [ours[place::n_workers] for place in range(n_workers)]


def keep_to(share: Sequence[int]) -> None:
    """Have this process, with all threads that it has, run on these cores alone."""
    for thread in Path("/proc/self/task").iterdir() if share else ():
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread.name), share)


def cores_in_all() -> int:
    """How many cores' time this process may use, a part of one counted as one."""
    return math.ceil(n_cores())
