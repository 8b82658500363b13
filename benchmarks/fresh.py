"""Work in a process of its own, so that neither memory nor imports are another's."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ROOT = Path(__file__).parents[1]


def fresh(work: Callable[..., Any], **arguments: object) -> Any:
    """What `work` returns in a new Python; arguments and answer go as JSON.

    Args:
        work: A function of a module of this package.
        arguments: Passed by name.

    Raises:
        SystemExit: It failed; with what it wrote on its way.
    """
    name = f"{_module(work)}:{work.__name__}"
    command = [sys.executable, "-m", "benchmarks.fresh", name, json.dumps(arguments)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def own_peak_megabytes() -> float:
    """The most memory that this process ever had."""
    # Not getrusage: its figure survives exec, so a child starts with its parent's peak.
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _module(work: Callable[..., Any]) -> str:
    return module_name(sys.modules[work.__module__])


def module_name(module: ModuleType) -> str:
    """Its name in the package, also of the one that was started."""
    assert module.__spec__ is not None
    return module.__spec__.name


def main() -> None:
    name, arguments = sys.argv[1:]
    module, _, function = name.partition(":")
    work = getattr(importlib.import_module(module), function)
    print(json.dumps(work(**json.loads(arguments))))


if __name__ == "__main__":
    main()
