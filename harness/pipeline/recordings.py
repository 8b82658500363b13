"""Recordings of a suite: which are missing, unused or tainted, and what mends it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.core.errors import GoldenError, InferenceError, ReportError
from harness.core.provenance import cpu_flags
from harness.golden.rows import ShardSet
from harness.golden.schema import RECORDING, Recording, read_record, shards_of
from harness.golden.source import open_golden
from harness.pipeline.opening import staleness
from harness.pipeline.recording import folder_of, renew

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import GoldenSource
    from harness.core.specs import Suite
    from harness.pipeline.opening import Standing

Condition: TypeAlias = Literal["sound", "missing", "unused", "tainted"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording that is there, or should be.

    Attributes:
        name: Of the variant, and of the folder.
        condition: "missing": the suite keeps recordings, and the reference has none.
            "unused": no variant has that name. "tainted": of another model, other
            data or other preprocessing, or it cannot be read.
        reason: Why it is not sound; empty where it is.
        mend: The command that mends it; empty where it is sound.
    """

    name: str
    condition: Condition
    reason: str = ""
    mend: str = ""


def survey(suite: Suite, source: GoldenSource | None = None) -> tuple[Entry, ...]:
    """Look at every recording of a suite; none where it keeps none.

    Args:
        suite: The suite.
        source: Its golden data, where they are open already.

    Raises:
        GoldenError: The golden data cannot be read.
    """
    if suite.golden.recorded is None:
        return ()
    source = source or open_golden(suite.golden)
    names = [spec.name for spec in suite.variants]
    found = _folders(suite.golden.recorded)
    wanted = [n for n in names if n in found or n == suite.reference]
    entries = [_entry(suite, source, name, there=name in found) for name in wanted]
    return (*entries, *(_unused(suite, n) for n in found if n not in names))


def update(
    suite: Suite, *, new_only: bool = False, reason: str | None = None
) -> tuple[str, ...]:
    """Record again what is recorded, and what is missing; remove what is unused.

    Args:
        suite: The suite.
        new_only: Whether only what is missing is recorded; nothing else is touched.
        reason: Why; needed where a recording changes, and kept in it.

    Returns:
        A line a recording: what became of it.

    Raises:
        GoldenError: A recording would change, and there is no reason.
        HarnessError: A variant whose recording is missing or tainted cannot be run.
    """
    source = open_golden(suite.golden)
    return tuple(
        _mended(suite, source, entry, reason)
        for entry in survey(suite, source)
        if entry.condition == "missing" or not new_only
    )


def aged(
    suite: Suite, source: GoldenSource, cast: Mapping[str, Standing]
) -> tuple[str, ...]:
    """What a run should say of the recordings, whether it used them or not."""
    entries = survey(suite, source)
    wrong = [
        f"A recording is {e.condition}: {e.reason}; {e.mend}" for e in entries if e.mend
    ]
    sound = [e.name for e in entries if e.condition == "sound" and e.name in cast]
    old = (_aged(suite, cast[name]) for name in sound)
    return (*wrong, *(notice for notice in old if notice is not None))


def _aged(suite: Suite, standing: Standing) -> str | None:
    """Why a recording may differ from what would be answered here and now."""
    name = standing.name
    recording = read_record(folder_of(suite, name) / RECORDING, Recording)
    live = standing.facts.runtime if standing.facts else {}
    then, now = recording.runtime.get("version"), live.get("version")
    apart = []
    if standing.status == "ran" and then != now:
        apart.append(f"{recording.runtime.get('backend')} {then}, here it is {now}")
    if recording.cpu_flags is not None and standing.status == "replayed":
        changed = sorted(set(recording.cpu_flags) ^ set(cpu_flags()))
        if changed:
            apart.append(f"a CPU that differs in {', '.join(changed)}")
    if not apart:
        return None
    return (
        f"The recording of {name} was made with {' and '.join(apart)}; harness record"
        f" {suite.path.name} --variant {name} makes it anew."
    )


def _mended(
    suite: Suite, source: GoldenSource, entry: Entry, reason: str | None
) -> str:
    if entry.condition == "unused":
        _remove(folder_of(suite, entry.name))
        return f"{entry.name}: removed, no variant has that name"
    try:
        change = renew(suite, suite.variant(entry.name), source, reason)
    except InferenceError as error:
        if entry.condition != "sound":
            raise
        return f"{entry.name}: left as it is, {error.message}"
    if change is None:
        return f"{entry.name}: recorded"
    return f"{entry.name}: {'unchanged' if change.same else change.summary()}"


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ReportError(
            f"cannot remove {folder}: {error.strerror or error}",
            hint="remove it by hand",
        ) from error


def _folders(recorded: Path) -> list[str]:
    """Recordings that are there; other folders are not ours to judge."""
    if not recorded.is_dir():
        return []
    return sorted(path.parent.name for path in recorded.glob(f"*/{RECORDING}"))


def _unused(suite: Suite, name: str) -> Entry:
    folder = folder_of(suite, name)
    said = f"{folder} is of no variant of {suite.path.name}"
    return Entry(name, "unused", said, f"rm -r {folder}")


def _entry(suite: Suite, source: GoldenSource, name: str, *, there: bool) -> Entry:
    again = f"harness record {os.path.relpath(suite.path)} --variant {name}"
    if not there:
        said = f"the reference {name!r} has no recording"
        return Entry(name, "missing", said, again)
    file = folder_of(suite, name) / RECORDING
    again = f'{again} --reason "..."'
    try:
        recording = read_record(file, Recording)
        shards = ShardSet(shards_of(file, recording.shards))
        for index in range(len(shards.shards)):
            shards.verify(index)
    except GoldenError as error:
        return Entry(name, "tainted", error.message, again)
    if stale := staleness(recording, suite, suite.variant(name), source):
        return Entry(name, "tainted", stale, again)
    return Entry(name, "sound")
