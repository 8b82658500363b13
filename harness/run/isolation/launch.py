"""What a variant's process is started with."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import MissingDependencyError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

# A runtime that builds its kernels while it loads takes minutes, none takes this.
DEFAULT_TIMEOUT = 600.0
_START = Path(__file__).with_name("start.py")
# Of our Python, and no good to another.
_OF_OUR_PYTHON = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True, slots=True)
class Launch:
    """How a variant's process is started, and what it may take.

    Attributes:
        name: The variant's, for messages.
        interpreter: The Python that runs it; None is our own.
        timeout: Most seconds that a batch may take; None takes the default.
        load_timeout: Most seconds from start to loaded; None takes the default.
        memory: Most memory of its own that it may hold, MB (10**6 bytes).
        env: Environment variables, over those that are inherited.
    """

    name: str
    interpreter: Path | None = None
    timeout: float | None = None
    load_timeout: float | None = None
    memory: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def command(self, fds: tuple[int, ...]) -> list[str]:
        """The command line.

        Args:
            fds: File descriptors that the process inherits.
        """
        python = str(self.interpreter or sys.executable)
        # Unbuffered: what is printed before a crash is not lost with its buffer.
        return [python, "-u", str(_START), *map(str, fds)]

    def environment(self) -> dict[str, str]:
        """All variables of the process."""
        inherited = dict(os.environ)
        if self.interpreter is not None:
            for name in _OF_OUR_PYTHON:
                inherited.pop(name, None)
        return {**inherited, **self.env}

    def check(self) -> None:
        """Refuse what this system cannot do.

        Raises:
            SuiteError: It has no way to isolate or to watch memory.
            MissingDependencyError: There is no such interpreter.
        """
        if os.name != "posix":
            raise SuiteError(
                f"variant {self.name!r}: processes are isolated on Linux and macOS,"
                f" not on {sys.platform}",
                hint='run with isolation = "none"',
            )
        if self.memory is not None and not sys.platform.startswith("linux"):
            raise SuiteError(
                f"variant {self.name!r}: memory is watched on Linux alone,"
                f" not on {sys.platform}",
                hint="leave memory out on this system",
            )
        if self.interpreter is not None and not os.access(self.interpreter, os.X_OK):
            raise MissingDependencyError(
                f"variant {self.name!r}: there is no interpreter {self.interpreter}",
                hint="make that virtual environment, with numpy and the runtime in it",
            )
