"""The same work by the harness, by Polygraphy, and by a script that anybody writes.

    pip install 'model-quality-harness[benchmarks]'
    python -m benchmarks.peers

Two ONNX models over the same samples in the same batches: read the data, run both,
and tell how far the outputs are apart; the script and the harness also tell accuracy,
recall a class, confusion and flips. Each in a fresh process, in turn; seconds are from
the start of the work to its end, without imports. Polygraphy compares outputs, and
keeps all of them.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fresh import fresh, own_peak_megabytes
from benchmarks.progress import alone
from benchmarks.tables import count, short, table
from benchmarks.workloads import (
    SCALE,
    Case,
    bare_loop,
    bare_sessions,
    digits,
    images,
    write_suite,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.progress import Say

BARE = "bare loop"
TOOLS = (BARE, "script", "harness", "Polygraphy")


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        samples: Digits in batches of 50, and a fourth of them one by one.
        large: Samples of large outputs.
        rounds: How often each tool does each case.
    """

    samples: int = 40_000
    large: int = 300
    rounds: int = 3


QUICK = Sizes(400, 8, 1)


@dataclass(frozen=True)
class Row:
    """A case by a tool: medians of seconds, and of MB at the peak of its process."""

    case: str
    samples: int
    tool: str
    seconds: float
    peak: float


@dataclass(frozen=True)
class Figures:
    """Every case by every tool, the bare loop first."""

    rows: tuple[Row, ...]

    def cases(self) -> dict[str, tuple[Row, ...]]:
        """Rows by their case."""
        names = dict.fromkeys(row.case for row in self.rows)
        return {name: tuple(r for r in self.rows if r.case == name) for name in names}


def measure(sizes: Sizes, say: Say) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cases = (
            digits(sizes.samples, 50),
            digits(sizes.samples // 4, 1),
            images(place, sizes.large, 4),
        )
        return Figures(
            tuple(
                row for case in cases for row in _rows(place, case, sizes.rounds, say)
            )
        )


def _rows(place: Path, case: Case, rounds: int, say: Say) -> Iterator[Row]:
    suite = write_suite(case, place / case.name)
    about = {"models": [str(model) for model in case.models], "batch": case.batch}
    (suite.parent / "case.json").write_text(json.dumps(about))
    found: dict[str, list[tuple[float, float]]] = {tool: [] for tool in TOOLS}
    for turn in range(rounds):
        for tool in TOOLS:
            say(f"{case.name}, {tool}, round {turn + 1} of {rounds}")
            found[tool].append(fresh(timed, tool=tool, suite=str(suite)))
    for tool, figures in found.items():
        seconds, peak = map(statistics.median, zip(*figures, strict=True))
        yield Row(case.name, len(case.samples), tool, seconds, peak)


def timed(tool: str, suite: str) -> tuple[float, float]:
    """Seconds of the work, and MB at the peak of this process."""
    makers = (_bare, _script, _harness, _polygraphy)
    work = dict(zip(TOOLS, makers, strict=True))[tool](Path(suite))
    started = time.perf_counter()
    work()
    return time.perf_counter() - started, own_peak_megabytes()


def _case(suite: Path) -> Case:
    about = json.loads((suite.parent / "case.json").read_text())
    one, other = map(Path, about["models"])
    with np.load(suite.parent / "data.npz") as data:
        labels = data.get("label")
        return Case("", (one, other), data["image"], labels, about["batch"])


def _bare(suite: Path) -> Callable[[], None]:
    def work() -> None:
        case = _case(suite)
        bare_loop(case, bare_sessions(case.models))

    return work


def _script(suite: Path) -> Callable[[], None]:
    from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

    def work() -> None:
        case = _case(suite)
        kept = []
        for session in bare_sessions(case.models):
            name = session.get_inputs()[0].name
            answers = []
            for start in range(0, len(case.samples), case.batch):
                batch = case.samples[start : start + case.batch]
                fed = batch.astype(np.float32) * SCALE
                answers.append(session.run(None, {name: fed})[0])
            kept.append(np.concatenate(answers))
        reference, candidate = kept
        error = np.abs(candidate - reference)
        told = [error.max(), error.mean(), np.sqrt((error**2).mean())]
        told.append(np.allclose(candidate, reference, atol=1e-5, rtol=1e-4))
        told.append(reference.ravel() @ candidate.ravel())
        if case.labels is None:
            return
        tops = [scores.argmax(axis=1) for scores in kept]
        for top in tops:
            told.append(accuracy_score(case.labels, top))
            told.append(recall_score(case.labels, top, average=None))
            told.append(confusion_matrix(case.labels, top))
        told.append(np.flatnonzero(tops[0] != tops[1]))

    return work


def _harness(suite: Path) -> Callable[[], None]:
    from harness.core.specs import RunOptions
    from harness.pipeline import evaluate
    from harness.report.html import render_html

    def work() -> None:
        render_html(evaluate(suite, RunOptions(isolation="none")))

    return work


def _polygraphy(suite: Path) -> Callable[[], None]:
    from polygraphy.backend.onnxrt import OnnxrtRunner
    from polygraphy.comparator import Comparator, CompareFunc
    from polygraphy.logger import G_LOGGER

    G_LOGGER.module_severity = G_LOGGER.CRITICAL

    def work() -> None:
        case = _case(suite)
        sessions = bare_sessions(case.models)
        name = sessions[0].get_inputs()[0].name
        starts = range(0, len(case.samples), case.batch)
        batches = (case.samples[at : at + case.batch] for at in starts)
        feeds = [{name: batch.astype(np.float32) * SCALE} for batch in batches]
        runners = [OnnxrtRunner(lambda session=one: session) for one in sessions]
        results = Comparator.run(runners, data_loader=feeds)
        compare = CompareFunc.simple(atol=1e-5, rtol=1e-4)
        Comparator.compare_accuracy(results, compare_func=compare)

    return work


def tables(figures: Figures) -> str:
    """Seconds and memory; the bare loop is what others are held to."""
    columns = "<case", "samples", "<tool", "s", "to the bare loop", "peak MB"
    return table(columns, _cells(figures))


def _cells(figures: Figures) -> Iterator[tuple[str, ...]]:
    for bare, *others in figures.cases().values():
        about = bare.case, count(bare.samples)
        for row in others:
            ratio = short(row.seconds / bare.seconds)
            yield *about, row.tool, short(row.seconds), ratio, f"{row.peak:.0f}"
            about = "", ""


if __name__ == "__main__":
    alone(Sizes, measure, tables)
