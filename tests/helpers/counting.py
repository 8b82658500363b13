"""Work for engines: it counts samples, and ends its worker where it is told to."""

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import GoldenError


@dataclass(frozen=True)
class Counting:
    """Answers ``start:stop`` to a span.

    Attributes:
        folder: Where it keeps what happened.
        deaths: Span's start -> how many workers it ends.
        fails: Span's start at which the data are damaged.
        opens: Whether it can be opened.
        slow: Seconds that the first worker to take a span needs for each of its own.
    """

    folder: Path
    deaths: tuple[tuple[int, int], ...] = ()
    fails: int | None = None
    opens: bool = True
    slow: float = 0.0

    @contextmanager
    def open(self):
        if not self.opens:
            raise GoldenError("no data", hint="none")
        self._note("opened")
        try:
            yield Hands(self)
        finally:
            self._note("closed")

    def _note(self, what):
        cores = " ".join(map(str, sorted(os.sched_getaffinity(0))))
        (self.folder / f"{what}-{os.getpid()}").write_text(cores)


@dataclass(frozen=True)
class Hands:
    work: Counting

    def introduce(self):
        return b"at your service"

    def run(self, spans):
        for span in spans:
            self._maybe_die(span.start)
            if span.start == self.work.fails:
                raise GoldenError(f"damaged at {span.start}", hint="mend it")
            if self.work.slow and self._is_slow():
                time.sleep(self.work.slow)
            yield f"{span.start}:{span.stop}".encode()

    def block(self, spans):
        return [b"+".join(self.run(spans))]

    def _is_slow(self):
        mark = self.work.folder / "slow"
        try:
            with mark.open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            pass
        return mark.read_text() == str(os.getpid())

    def _maybe_die(self, start):
        for n in range(dict(self.work.deaths).get(start, 0)):
            mark = self.work.folder / f"death-{start}-{n}"
            if not mark.exists():
                mark.touch()
                os._exit(9)
