"""What engines and their work promise each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Progress: TypeAlias = Callable[[int, int], None]


class Hands(Protocol):
    """A piece of work, opened in a worker."""

    def introduce(self) -> bytes:
        """What whoever asked for the work must know before spans are handed out."""
        ...

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[bytes]:
        """The answer to each span, in their order.

        Args:
            spans: Golden samples, rising.
            progress: Told (samples done, samples in all) as it goes on.

        Raises:
            HarnessError: The golden data or the reference fails.
        """
        ...

    def block(self, spans: Sequence[slice]) -> list[bytes]:
        """Answers to neighbouring spans, merged with each other as far as they go.

        Args:
            spans: Golden samples, rising: as many as a power of two, after a multiple
                of as many; or fewer, where they are the last.

        Raises:
            HarnessError: As of `run`.
        """
        ...


class Work(Protocol):
    """What a worker opens once and keeps; can be pickled, for it is plain values."""

    def open(self) -> AbstractContextManager[Hands]:
        """Open it, where this is called.

        Raises:
            HarnessError: It cannot be opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """How an engine works.

    Attributes:
        workers: How many; None leaves it to the engine.
        address: Of a cluster that is there already; None makes one here.
        merges: Whether answers may be merged before they are brought back; then all
            spans are asked for at once.
    """

    workers: int | None = None
    address: str | None = None
    merges: bool = True


class Crew(Protocol):
    """Workers that have opened the work."""

    def introduce(self) -> bytes:
        """As of `Hands`, by whichever worker was first."""
        ...

    def run(
        self, spans: Sequence[slice], progress: Progress | None = None
    ) -> Iterator[bytes]:
        """The answer to each span, or to each block of them, in their order.

        A worker that dies is replaced, and its span is run again.

        Raises:
            HarnessError: The work fails, or workers die again and again.
        """
        ...


Engine: TypeAlias = Callable[[Work, Settings], AbstractContextManager[Crew]]
"""``with engine(work, settings) as crew``: raises HarnessError (nobody can start)."""
