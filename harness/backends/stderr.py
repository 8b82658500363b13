"""Notes that TensorFlow and LiteRT write on starting up, kept off the terminal."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDERR = 2
# Lines of level "info" in the format of their loggers, and the line that explains them.
_NOTE = re.compile(
    rb"I\d{4} |INFO: |WARNING: All log messages before absl::InitializeLog"
)


@contextmanager
def quiet_start() -> Iterator[None]:
    """Start a runtime inside: notes are dropped, all else is written as it was.

    Their C++ code writes straight to file descriptor 2, TensorFlow's before any log
    level is heard; warnings, errors and other threads' lines pass.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    saved = os.dup(_STDERR)
    try:
        with tempfile.TemporaryFile() as caught:
            os.dup2(caught.fileno(), _STDERR)
            try:
                yield
            finally:
                os.dup2(saved, _STDERR)
                caught.seek(0)
                kept = [line for line in caught if not _NOTE.match(line)]
                os.write(_STDERR, b"".join(kept))
    finally:
        os.close(saved)
