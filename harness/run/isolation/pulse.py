"""How far a variant's process is, in numbers that cost it nothing to tell."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.run.isolation.blocks import Block

_ANSWERED, _STARTED, _ROW, _FIELDS = range(4)
_WIDTH = 8


class Pulse:
    """Three numbers in shared memory: one side writes them, the other looks.

    Each is written whole. The clock is `time.monotonic_ns`, one for the machine.

    Args:
        block: Where they lie.
    """

    def __init__(self, block: Block) -> None:
        self._whole = memoryview(block.grow(_FIELDS * _WIDTH))
        self._numbers = self._whole.cast("q")

    def beat(self, row: int) -> None:
        """A batch that starts with this sample begins."""
        self._numbers[_ROW] = row
        self._numbers[_STARTED] = monotonic_ns()

    def answer(self) -> None:
        """One more request is answered; the next may begin."""
        self._numbers[_STARTED] = monotonic_ns()
        self._numbers[_ANSWERED] += 1

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._whole.release()

    @property
    def answered(self) -> int:
        """Requests answered so far."""
        return self._numbers[_ANSWERED]

    @property
    def started(self) -> int:
        """When a batch began or a request was answered last, on the machine's clock."""
        return self._numbers[_STARTED]

    @property
    def row(self) -> int:
        """First sample of the last batch."""
        return self._numbers[_ROW]
