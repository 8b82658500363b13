"""How many workers are worth starting, from what was measured."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.engines.load import Load

# Starting an interpreter, and handing over what it is to do.
_START_SECONDS = 1.0
# Less is not worth the memory, nor the look of a machine that is suddenly busy.
_LEAST_SECONDS = 5.0
_LEAST_SHARE = 0.2
# A run that takes less of a core waits for something that more of us would not hasten.
_LEAST_BUSY = 0.5
# Of the memory that is left; models may grow while they run.
_MEMORY_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Left:
    """What a run still has before it.

    Attributes:
        seconds: That it takes if it goes on as it is.
        spans: Pieces of work that can be handed out.
        opening: Seconds that it took to open the work.
    """

    seconds: float
    spans: int
    opening: float


def workers_worth(load: Load, left: Left) -> int:
    """Workers that end a run soonest, or 1 where they would hardly end it sooner.

    As many as bring every idle core to work, each taking what the run takes now; and
    no more than there is memory for.

    Args:
        load: Measured while the run went on alone.
        left: What is still to be done.
    """
    if os.name != "posix" or load.busy < _LEAST_BUSY:
        return 1
    faster = 1 + load.idle / load.busy
    room = _MEMORY_SHARE * load.free / max(load.held, 1.0)
    workers = math.floor(min(math.ceil(faster), room, left.spans))
    if workers < 2:
        return 1
    at_once = max(1.0, workers / (load.busy + load.idle))
    together = left.seconds / min(faster, workers)
    together += _START_SECONDS + left.opening * at_once
    saved = left.seconds - together
    worth = max(_LEAST_SECONDS, _LEAST_SHARE * left.seconds)
    return workers if saved >= worth else 1
