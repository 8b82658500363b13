"""What a run keeps for the next, by all that it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from harness.cache import Files, Store, freeze, thaw
from harness.core.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.core.specs import RunOptions

T = TypeVar("T")


class Cache:
    """Records by key.

    Args:
        folder: Where they lie.
        limit: Most bytes; None takes the usual.

    Attributes:
        store: Holds them as bytes.
        files: Remembers what was read off files.
        repeatable: Whether all that this run found would be found again: nothing
            failed, and nothing ended because its time was over.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.store = Store(folder, limit)
        self.files = Files(self.store)
        self.repeatable = True

    def recall(self, key: str | None, kind: type[T]) -> T | None:
        """What was kept; None where nothing was, or it can no longer be read."""
        found = None if key is None else self.store.get(key)
        if key is None or found is None:
            return None
        try:
            return thaw(found, kind)
        except ReportError:
            # Whole, and not what it should be: another version of ours wrote it.
            self.store.discard(key)
            self.store.damaged.append(key)
            return None

    def keep(self, key: str | None, value: object) -> None:
        """Keep a record, where there is a key and the record can be kept."""
        if key is None:
            return
        try:
            frozen = freeze(value)
        except TypeError:
            return  # what another package made may hold anything
        self.store.put(key, frozen)

    def found(self, key: str | None, kind: type[T], find: Callable[[], T]) -> T:
        """What was kept, else what is found now; that is kept."""
        kept = self.recall(key, kind)
        if kept is not None:
            return kept
        value = find()
        self.keep(key, value)
        return value

    def notices(self) -> Iterator[str]:
        """What a reader should know of it."""
        if n := len(self.store.damaged):
            yield (
                f"{n} damaged entr{'y' if n == 1 else 'ies'} of the cache"
                f" {self.store.folder} {'was' if n == 1 else 'were'} removed, and"
                " computed anew."
            )
        if self.store.unwritten:
            yield f"The cache cannot be written: {self.store.unwritten}."


def cache_of(options: RunOptions) -> Cache | None:
    """The cache that a run was asked to use."""
    if options.cache is None:
        return None
    return Cache(options.cache, options.cache_bytes)
