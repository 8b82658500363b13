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


def _module(work: Callable[..., Any]) -> str:
    if work.__module__ != "__main__":
        return work.__module__
    name: str = sys.modules["__main__"].__spec__.name
    return name


def main() -> None:
    name, arguments = sys.argv[1:]
    module, _, function = name.partition(":")
    work = getattr(importlib.import_module(module), function)
    print(json.dumps(work(**json.loads(arguments))))


if __name__ == "__main__":
    main()
