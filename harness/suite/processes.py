"""Keys of a variant that ask for a process of its own, and say what it may take."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.specs import Isolation

if TYPE_CHECKING:
    from harness.core.specs import VariantSpec
    from harness.suite.table import Table

# Each means a process; none means anything without one.
_KEYS = ("interpreter", "timeout", "load_timeout", "memory", "env")


def with_process(
    spec: VariantSpec, table: Table, folder: Path, default: Isolation
) -> VariantSpec:
    """The variant with what its table says of its process.

    Args:
        spec: All else that is read of it.
        table: The variant's.
        folder: The suite's; a relative interpreter starts there. It may lie anywhere:
            virtual environments do, and link to where Python is installed.
        default: What the suite says of all its variants.

    Raises:
        SuiteError: A value is not what its key takes, or asks for something of a
            process that the variant refuses to have.
    """
    declared = [key for key in _KEYS if key in table.names()]
    implied: Isolation = "process" if declared else default
    isolation: Isolation = table.choice("isolation", Isolation, implied)
    if declared and isolation == "none":
        allowed = f"process, or nothing: {declared[0]} asks for a process of its own"
        table.refuse("isolation", isolation, allowed)
    return replace(
        spec,
        isolation=isolation,
        interpreter=_interpreter(table, folder),
        timeout=_seconds(table, "timeout"),
        load_timeout=_seconds(table, "load_timeout"),
        memory=table.count("memory"),
        env=_variables(table.table("env")),
    )


def _interpreter(table: Table, folder: Path) -> Path | None:
    text = table.optional_text("interpreter")
    if text is None:
        return None
    if "\0" in text:
        table.refuse("interpreter", text, "the path of a Python interpreter")
    # Not resolved: a virtual environment is known by the link that is its Python.
    return Path(os.path.normpath(folder / text))


def _seconds(table: Table, key: str) -> float | None:
    seconds = table.number(key)
    if seconds is not None and seconds <= 0:
        table.refuse(key, table.value(key), "a number of seconds above 0")
    return seconds


def _variables(table: Table) -> dict[str, str]:
    variables = {}
    for name in table.names():
        value = table.value(name)
        if not isinstance(value, str) or "\0" in value:
            table.refuse(name, value, 'a string, as in OMP_NUM_THREADS = "1"')
        if not name or "=" in name or "\0" in name:
            table.refuse(name, value, "a variable whose name has no = in it")
        variables[name] = value
    return variables
