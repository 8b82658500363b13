"""What a process owes to the one that started it."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_the_parent() -> None:
    """Be killed when the harness is; and, where memory runs out, before it is.

    The system watches the thread that started this process: it must be one that stays.
    """
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Some sandboxes have no such file; then the system chooses by itself.
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
