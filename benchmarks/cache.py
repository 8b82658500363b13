"""What a run costs of which something, or nothing, is kept from before.

    python -m benchmarks.cache

A suite of a reference and eight candidates, convolutional networks of the same size
over the same samples. It is run by `harness run` without a cache, with an
empty one, unchanged, with one candidate changed, and with the reference changed. Beside
the changed candidate stands the bare loop of that model alone over the same samples.
Seconds are those of whole processes, by the clock and of all processors together. All
but one of the runs have no workers join: the clock tells them from the loop, too.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from benchmarks.progress import alone
from benchmarks.tables import marked, short, table
from benchmarks.workloads import SCALE, Case, bare_loop, bare_sessions, images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from benchmarks.progress import Say

    Seconds: TypeAlias = tuple[float, float]

AIM_UNCHANGED = 2.0
AIM_CHANGED = 1.1
PYTHON = "an empty Python"
WITHOUT = "without a cache"
EMPTY = "with an empty one"
NOTHING = "nothing changed"
CANDIDATE = "one candidate changed"
BARE = "the bare loop of that candidate"
JOINED = "one candidate changed, workers may join"
REFERENCE = "the reference changed"


@dataclass(frozen=True)
class Sizes:
    """How many samples, and how many candidates beside the reference."""

    samples: int = 8_000
    candidates: int = 8


QUICK = Sizes(24, 2)


@dataclass(frozen=True)
class Row:
    """Seconds of a process and of all that it started.

    Attributes:
        what: What was run.
        clock: By the clock.
        processors: Of all processors together.
    """

    what: str
    clock: float
    processors: float


@dataclass(frozen=True)
class Figures:
    """Every run, in the order in which they were made."""

    samples: int
    candidates: int
    rows: tuple[Row, ...]

    @property
    def unchanged(self) -> float:
        """Seconds past the interpreter's start, by the clock, of an unchanged rerun."""
        return self.row(NOTHING).clock - self.row(PYTHON).clock

    @property
    def changed(self) -> float:
        """Seconds of a changed candidate, by the clock, to those of its bare loop."""
        return self.row(CANDIDATE).clock / self.row(BARE).clock

    @property
    def filling(self) -> float:
        """Processor seconds that filling a cache costs, to those of a run without."""
        return self.row(EMPTY).processors / self.row(WITHOUT).processors - 1

    def row(self, what: str) -> Row:
        """The run of that name."""
        return next(row for row in self.rows if row.what == what)


def measure(sizes: Sizes, say: Say) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        case = images(place, sizes.samples, 4)
        suite = _suite(place, case, sizes.candidates)
        rows = tuple(_rows(place, case, suite, say))
    return Figures(sizes.samples, sizes.candidates, rows)


def _rows(place: Path, case: Case, suite: Path, say: Say) -> Iterator[Row]:
    cache = f"--cache={place / 'cache'}"
    one = "--workers=1"
    candidate, reference = place / "m1.onnx", place / "m0.onnx"
    steps: tuple[tuple[str, Callable[[], Seconds]], ...] = (
        (PYTHON, lambda: _seconds("-c", "pass")),
        (WITHOUT, lambda: _run(suite, one)),
        (EMPTY, lambda: _run(suite, cache, one)),
        (NOTHING, lambda: _run(suite, cache, one)),
        (CANDIDATE, lambda: _run(_changed(suite, candidate), cache, one)),
        (BARE, lambda: _bare(case, candidate)),
        (JOINED, lambda: _run(_changed(suite, candidate), cache)),
        (REFERENCE, lambda: _run(_changed(suite, reference), cache, one)),
    )
    for what, step in steps:
        say(what)
        yield Row(what, *step())


def _suite(place: Path, case: Case, candidates: int) -> Path:
    """Small answers of large inputs: what it costs is inference."""
    np.savez(place / "data.npz", image=case.samples)
    model = onnx.load(case.models[0])
    model.graph.node.append(
        onnx.helper.make_node(
            "GlobalAveragePool", [model.graph.output[0].name], ["mean"]
        )
    )
    del model.graph.output[:]
    shape = ["n", 3, 1, 1]
    mean = onnx.helper.make_tensor_value_info("mean", onnx.TensorProto.FLOAT, shape)
    model.graph.output.append(mean)
    tables = []
    for index in range(candidates + 1):
        model.doc_string = str(index)
        onnx.save(model, place / f"m{index}.onnx")
        kind = "converted" if index else "original"
        tables.append(
            f'[[variant]]\nname = "m{index}"\nkind = "{kind}"\n'
            f'path = "m{index}.onnx"\nbatch_size = {case.batch}\n'
        )
    head = '[suite]\nname = "nine"\ntask = "tensor"\nreference = "m0"\n'
    golden = f'[golden]\ndata = "data.npz"\n[golden.preprocess]\nscale = {SCALE}\n'
    file = place / "quality.toml"
    file.write_text("\n".join([head, golden, *tables]))
    return file


def _changed(suite: Path, path: Path) -> Path:
    """The suite with other bytes of a model that make the same numbers."""
    model = onnx.load(path)
    model.doc_string += " changed"
    onnx.save(model, path)
    # What was changed just now is not yet remembered by its time.
    time.sleep(2.5)
    return suite


def _bare(case: Case, model: Path) -> Seconds:
    sessions = bare_sessions([model])
    started, worked = time.perf_counter(), time.process_time()
    bare_loop(case, sessions)
    return time.perf_counter() - started, time.process_time() - worked


def _run(suite: Path, *options: str) -> Seconds:
    return _seconds("-m", "harness", "run", str(suite), *options)


def _seconds(*command: str) -> Seconds:
    """Of a process and of all that it started."""
    started, worked = time.perf_counter(), _worked()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started, _worked() - worked


def _worked() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tables(figures: Figures) -> str:
    """Every run; bold is what is beyond its aim."""
    columns = "<run", "s by the clock", "processor s", "<aim"
    return table(columns, (_cells(figures, row) for row in figures.rows))


def _cells(figures: Figures, row: Row) -> tuple[str, ...]:
    clock, processors, aim = short(row.clock), short(row.processors), ""
    if row.what == NOTHING:
        aim = f"≤ {AIM_UNCHANGED:.0f} s past an empty Python"
        clock = marked(clock, figures.unchanged <= AIM_UNCHANGED)
    if row.what == CANDIDATE:
        aim = f"≤ {AIM_CHANGED} x its bare loop"
        clock = marked(clock, figures.changed <= AIM_CHANGED)
    return row.what, clock, processors, aim


if __name__ == "__main__":
    alone(Sizes, measure, tables)
