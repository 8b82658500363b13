"""What was read off a file, remembered while the file stays as it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Memory(Protocol):
    """Remembers what was read off files."""

    def told(self, what: str, path: Path, read: Callable[[], str]) -> str:
        """What `read` told of a path, if that is unchanged; else what it tells now.

        Args:
            what: Which of the things that can be read off it.
            path: A file, or a folder with all that is in it.
            read: Reads it.
        """
        ...


# One for all threads: digests are worked out beside what comes next.
_memories: list[Memory] = []


@contextmanager
def remembering(memory: Memory | None) -> Iterator[None]:
    """Ask a memory before files are read, in this block; None asks none."""
    if memory is None:
        yield
        return
    _memories.append(memory)
    try:
        yield
    finally:
        _memories.remove(memory)


def remembered(what: str, path: Path, read: Callable[[], str]) -> str:
    """What is read off a path, by the memory of the innermost `remembering`."""
    return _memories[-1].told(what, path, read) if _memories else read()
