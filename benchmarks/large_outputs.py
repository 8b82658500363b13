"""The cost over the bare loop where answers are large: see `overhead`.

    python -m benchmarks.large_outputs

3 x 160 x 160 floats a sample. The loop over 10,000 of them takes more than a minute, so
what is run first, to warm up, is a suite of a few.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.overhead import Figures, jobs_of, row_of
from benchmarks.overhead import ratios as tables
from benchmarks.progress import alone
from benchmarks.workloads import images, in_turn, write_suite

if TYPE_CHECKING:
    from benchmarks.progress import Say


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        samples: In the suite that is timed.
        warm: In the one that is run first.
        rounds: How often it is timed.
    """

    samples: int = 10_000
    warm: int = 200
    rounds: int = 2


QUICK = Sizes(24, 8, 1)


def measure(sizes: Sizes, say: Say) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        few, case = (images(place, n, 4) for n in (sizes.warm, sizes.samples))
        first = jobs_of(few, write_suite(few, place / "warm"))
        jobs = jobs_of(case, write_suite(case, place / "timed"))
        say(f"{case.name}, {sizes.samples:,} samples, {sizes.rounds} rounds")
        return Figures((row_of(case, in_turn(sizes.rounds, *jobs, warm=first)),))


if __name__ == "__main__":
    alone(Sizes, measure, tables)
