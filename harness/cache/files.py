"""What was read off files, remembered by what the system says of them.

A file that was changed twice within a tick of its clock looks as it did before. So
nothing is remembered of one that was changed just before it was read (git takes the
same care: "racy-git" in its documentation).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.cache.keys import key_of
from harness.core.provenance import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.cache.store import Store

_Stamp: TypeAlias = tuple[str, int, int, int, int]
"""Name, bytes, when its content and when anything of it was changed, and number."""

# The coarsest clock of file systems in use, FAT's.
_TICK_NS = 2 * 10**9


@dataclass(frozen=True, slots=True)
class _Look:
    """A file, or a folder with all that is in it.

    Attributes:
        digest: Over names, sizes, times and numbers of its files.
        changed: When one of them was last changed, ns since the epoch.
    """

    digest: str
    changed: int


class Files:
    """Remembers in a store; see `harness.core.remembered.Memory`.

    Args:
        store: Keeps an entry a path.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def told(self, what: str, path: Path, read: Callable[[], str]) -> str:
        """See `Memory`."""
        key = key_of("files", what, path.absolute())
        before = _look(path)
        if before is None:
            return read()
        kept = self._kept(key)
        if kept is not None and kept[0] == before.digest:
            return kept[1]
        started = time.time_ns()
        value = read()
        if _look(path) == before and before.changed < started - _TICK_NS:
            self._store.put(key, json.dumps([before.digest, value]).encode())
        return value

    def _kept(self, key: str) -> tuple[str, str] | None:
        found = self._store.get(key)
        if found is None:
            return None
        digest, value = json.loads(found)
        return digest, value


def _look(path: Path) -> _Look | None:
    """None where it cannot be looked at: who reads it tells why."""
    try:
        stamps = sorted(_stamps(path))
    except OSError:
        return None
    changed = max((max(stamp[2:4]) for stamp in stamps), default=0)
    return _Look(digest_of(stamps), changed)


def _stamps(path: Path) -> Iterator[_Stamp]:
    if path.is_dir():
        return _stamps_in(path)
    return iter([_stamp(str(path), path.stat())])


def _stamps_in(folder: Path | str) -> Iterator[_Stamp]:
    """Of all files; who digests a folder does not follow links to others."""
    with os.scandir(folder) as items:
        for item in items:
            if item.is_dir(follow_symlinks=False):
                yield from _stamps_in(item.path)
            elif item.is_file():
                yield _stamp(item.path, item.stat())


def _stamp(path: str, found: os.stat_result) -> _Stamp:
    times = found.st_mtime_ns, found.st_ctime_ns
    return path, found.st_size, *times, found.st_ino
