"""A folder of entries: written whole, checked when read, the oldest given up first.

Any number of processes may use it at the same time, and be killed at any moment: an
entry is written beside and renamed, and what is read is held against its checksum.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_LIMIT = 10 * 10**9
"""Bytes that a store may hold unless somebody says otherwise."""

_MAGIC = b"MQHC1\n"
_CHECKSUM = hashlib.sha256
_HEAD = len(_MAGIC) + _CHECKSUM().digest_size
_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# What model-quality-harness keeps from run to run; it may be removed.\n"
    "# See https://bford.info/cachedir/\n"
)
# Large, and soonest made again: given up before anything else is.
_FIRST_TO_GO = ("answers",)
# Whoever writes an entry is done long before, or will never be.
_STRAY_SECONDS = 3600.0
# Room that is made at a time, and bytes written before it is looked for again.
_ROOM = _BETWEEN = 0.1


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a store.

    Attributes:
        key: Kind, a dash, and hex digits.
        path: Where it lies.
        size: Bytes on disk.
        used: When it was last written or read, ns since the epoch.
    """

    key: str
    path: Path
    size: int
    used: int

    @property
    def kind(self) -> str:
        """What it is an entry of."""
        return self.key.partition("-")[0]


def is_store(folder: Path) -> bool:
    """Whether a folder is one that a store was made in."""
    try:
        return (folder / "CACHEDIR.TAG").read_text(encoding="ascii") == _TAG
    except (OSError, UnicodeDecodeError):
        return False


class Store:
    """Bytes by key.

    Args:
        folder: Made when it is first written to.
        limit: Most bytes that it holds; a little more for a short while.

    Attributes:
        folder: As given.
        damaged: Keys of the entries that were found damaged, and removed.
        unwritten: Why something could not be kept; None where everything could.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        self.unwritten: str | None = None
        self._limit = DEFAULT_LIMIT if limit is None else limit
        self._entries = folder / "entries"
        self._unfinished = folder / "unfinished"
        # Before the first entry, room is looked for.
        self._since = float("inf")

    def get(self, key: str) -> bytes | None:
        """The value of a key, None where there is none; it counts as used now."""
        path = self._path(key)
        try:
            found = path.read_bytes()
        except OSError:
            return None
        value = _checked(key, found)
        if value is None:
            self.damaged.append(key)
            self.discard(key)
            return None
        with suppress(OSError):  # a store that may only be read serves as well
            os.utime(path)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; one that cannot be written is not kept, and that is noted."""
        if len(value) + _HEAD > self._limit * _ROOM:
            return
        try:
            self._make_room(len(value))
            self._write(key, value)
        except OSError as error:
            self.unwritten = f"{self.folder}: {error.strerror or error}"

    def holds(self, key: str) -> bool:
        """Whether there is an entry; it may be damaged."""
        return self._path(key).exists()

    def discard(self, key: str) -> None:
        """Remove an entry; one that is not there is no error."""
        with suppress(OSError):
            self._path(key).unlink()

    def entries(self) -> Iterator[Entry]:
        """Every entry, in no order."""
        for path in self._entries.glob("*/*/*"):
            kind, first = path.parts[-3:-1]
            with suppress(OSError):
                found = path.stat()
                key = f"{kind}-{first}{path.name}"
                yield Entry(key, path, found.st_size, found.st_mtime_ns)

    def prune(
        self, limit: int | None = None, older_than: float | None = None
    ) -> tuple[Entry, ...]:
        """Give up entries, the longest unused first; answers before all others.

        Args:
            limit: Most bytes that are left; None takes the store's own.
            older_than: Entries that were not used for so many seconds go, whatever
                room there is.

        Returns:
            What was removed.
        """
        self._sweep()
        oldest = time.time_ns() - int(older_than * 1e9) if older_than is not None else 0
        everything = sorted(self.entries(), key=_last_to_go)
        total = sum(entry.size for entry in everything)
        most = self._limit if limit is None else limit
        gone = []
        for entry in everything:
            if total > most or entry.used < oldest:
                self.discard(entry.key)
                total -= entry.size
                gone.append(entry)
        return tuple(gone)

    def verify(self) -> tuple[Entry, ...]:
        """Read every entry; those that are damaged are removed, and returned."""
        self._sweep()
        wrong = []
        for entry in self.entries():
            try:
                found = entry.path.read_bytes()
            except OSError:
                continue  # given up by another process meanwhile
            if _checked(entry.key, found) is None:
                self.discard(entry.key)
                wrong.append(entry)
        return tuple(sorted(wrong, key=lambda entry: entry.key))

    def _path(self, key: str) -> Path:
        kind, _, name = key.partition("-")
        return self._entries / kind / name[:2] / name[2:]

    def _write(self, key: str, value: bytes) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._unfinished)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_MAGIC + _checksum(key, value))
                stream.write(value)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _make_room(self, size: int) -> None:
        self._since += size
        if self._since <= self._limit * _BETWEEN:
            return
        self._set_up()
        held = sum(entry.size for entry in self.entries())
        if held + size > self._limit * (1 - _ROOM):
            self.prune(int(self._limit * (1 - 2 * _ROOM)))
        self._since = 0

    def _set_up(self) -> None:
        self._unfinished.mkdir(parents=True, exist_ok=True)
        for name, text in (("CACHEDIR.TAG", _TAG), (".gitignore", "*\n")):
            if not (self.folder / name).exists():
                (self.folder / name).write_text(text, encoding="ascii")
        self._sweep()

    def _sweep(self) -> None:
        """Remove what somebody began to write long ago, and never will end."""
        stray = time.time() - _STRAY_SECONDS
        for path in self._unfinished.glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < stray:
                    path.unlink()


def _last_to_go(entry: Entry) -> tuple[bool, int, str]:
    return entry.kind not in _FIRST_TO_GO, entry.used, entry.key


def _checksum(key: str, value: bytes) -> bytes:
    # With its key: an entry under another's name is no entry.
    found = _CHECKSUM(key.encode())
    found.update(value)
    return found.digest()


def _checked(key: str, found: bytes) -> bytes | None:
    """The value of an entry, None where it is damaged."""
    value = found[_HEAD:]
    whole = found[:_HEAD] == _MAGIC + _checksum(key, value)
    return value if whole else None
