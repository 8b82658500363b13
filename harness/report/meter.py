"""A line on a terminal that says how far a run is, and how long it still takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from harness.report.text import columns, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

# The eye follows no more than a few lines a second.
_EVERY = 0.2
_BAR = 24
# One column less than a terminal has: the last one would wrap.
_WIDTH = 79


class Meter:
    """Writes one line over and over; callable as progress, see `harness.core`.

    Args:
        write: Takes text for a terminal, which understands carriage returns.
        label: What is counted.
        patience: What ends within so many seconds shows nothing.
        clock: Seconds, of any origin.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        label: str,
        patience: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._label, self._clock = write, label, clock
        self._patience = patience
        self._begun = self._told = clock()
        self._first: tuple[float, int] | None = None
        self._shown = 0

    @property
    def has_shown(self) -> bool:
        """Whether anything was written."""
        return self._shown > 0

    def __call__(self, done: int, total: int) -> None:
        """Show how much is done, and from the second call on the time that is left."""
        now = self._clock()
        left = self._left(now, done, total)
        if self._is_due(now) or (self.has_shown and done >= total):
            filled = _BAR * done // max(total, 1)
            bar = "#" * filled + "-" * (_BAR - filled)
            share = f"{100 * done // max(total, 1):3d} %"
            counts = f"{done:,} of {total:,}{left}"
            self._show(f"{self._label}  [{bar}] {share}  {counts}", now)

    def stage(self, text: str) -> None:
        """Show what is done where nothing is counted."""
        now = self._clock()
        if self._is_due(now) or self.has_shown:
            self._show(one_line(text), now)

    def close(self) -> None:
        """Leave an empty line, where anything was shown."""
        if self.has_shown:
            self._write(f"\r{' ' * self._shown}\r")
            self._shown = 0

    def _left(self, now: float, done: int, total: int) -> str:
        """Measured from the first call: opening models takes its own time."""
        if self._first is None or done < self._first[1]:
            self._first = (now, done)
        then, before = self._first
        if done <= before or done >= total:
            return ""
        return f", {_clocked((now - then) * (total - done) / (done - before))} left"

    def _is_due(self, now: float) -> bool:
        return now - self._begun >= self._patience and (
            not self.has_shown or now - self._told >= _EVERY
        )

    def _show(self, text: str, now: float) -> None:
        line = shorten(text, _WIDTH)
        size = columns(line)
        self._write(f"\r{line}{' ' * max(self._shown - size, 0)}")
        self._shown, self._told = size, now


def _clocked(seconds: float) -> str:
    """``0:12``, ``3:05``, ``1:02:30``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}"
