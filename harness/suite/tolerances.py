"""``tolerances.lock.toml``: read, and written as a person would review it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.core.codec import from_json, to_json
from harness.core.errors import ReportError, SuiteError
from harness.core.files import write_text
from harness.core.tolerances import ToleranceLock
from harness.suite.files import parse, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.specs import Suite

LOCK_NAME = "tolerances.lock.toml"
_HEAD = """\
# Tolerances derived from measured noise. Written by `harness calibrate`; review it as
# you would code: each limit stands above the evidence that it was derived from.
"""


def lock_path(suite: Suite) -> Path:
    """Where the lock of a suite lies, or would."""
    return suite.tolerances or suite.path.parent / LOCK_NAME


def load_tolerances(suite: Suite) -> ToleranceLock | None:
    """The lock of a suite; None where there is none.

    Raises:
        SuiteError: It is no TOML, or a key is missing or has the wrong type.
    """
    if suite.tolerances is None:
        return None
    values = parse(suite.tolerances, read_text(suite.tolerances))
    try:
        return from_json(ToleranceLock, values, str(suite.tolerances))
    except ReportError as error:
        raise SuiteError(
            error.message,
            hint=f"write it again: harness calibrate {suite.path} --write",
        ) from error


def render_tolerances(lock: ToleranceLock) -> str:
    """The lock as TOML; what is not known is left out."""
    record = to_json(lock)
    entries = record.pop("outputs")
    lines = [_HEAD.rstrip(), *_table("", record)]
    for entry in entries:
        lines += ["", "[[outputs]]", *_table("outputs", entry)]
    return "\n".join(lines) + "\n"


def write_tolerances(suite: Suite, lock: ToleranceLock) -> Path:
    """Write the lock beside its suite, whole or not at all.

    Raises:
        ReportError: The file cannot be written.
    """
    path = lock_path(suite)
    write_text(path, render_tolerances(lock))
    return path


def _table(name: str, values: Mapping[str, object]) -> Iterator[str]:
    """Plain keys first: behind a sub-table they would belong to it."""
    below = {k: v for k, v in values.items() if isinstance(v, Mapping)}
    for key, value in values.items():
        if key not in below and value is not None:
            yield f"{_key(key)} = {_value(value)}"
    for key, table in below.items():
        if table:
            full = f"{name}.{key}" if name else key
            yield f"\n[{full}]"
            yield from (f"{_key(k)} = {_value(v)}" for k, v in table.items())


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "")
    return key if bare.isascii() and bare.isalnum() else _value(key)


def _value(value: object) -> str:
    # JSON's text, numbers and lists of them are TOML's too; DEL alone TOML refuses.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
