"""The same work by the harness, by Polygraphy, and by a script that anybody writes.

    pip install polygraphy
    python benchmarks/peers.py

Two ONNX models over the same samples in the same batches: read the data, run both,
and tell how far the outputs are apart; the script and the harness also tell accuracy,
recall a class, confusion and flips. Each in a fresh process, in turn; seconds are from
the start of the work to its end, without imports. Polygraphy compares outputs, and
keeps all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from workloads import (
    SCALE,
    Case,
    bare_loop,
    bare_sessions,
    digits,
    images,
    own_peak_kilobytes,
    write_suite,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_TOOLS = ("bare", "script", "harness", "polygraphy")


def main() -> None:
    arguments = _arguments()
    if arguments.tool is not None:
        _one(arguments.tool, arguments.suite)
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cases = (
            digits(arguments.samples, 50),
            digits(arguments.samples // 4, 1),
            images(place, arguments.large, 4),
        )
        print("| case | samples | tool | s | to the bare loop | peak MB |")
        print("|---|--:|---|--:|--:|--:|")
        for index, case in enumerate(cases):
            _compare(case, write_suite(case, place / str(index)), arguments.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000, help="large-output samples")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tool", choices=_TOOLS, help=argparse.SUPPRESS)
    parser.add_argument("--suite", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _compare(case: Case, suite: Path, rounds: int) -> None:
    about = {"models": [str(model) for model in case.models], "batch": case.batch}
    (suite.parent / "case.json").write_text(json.dumps(about))
    found = {tool: [_figures(tool, suite) for _ in range(rounds)] for tool in _TOOLS}
    bare = statistics.median(seconds for seconds, _ in found["bare"])
    for tool, figures in found.items():
        seconds = statistics.median(seconds for seconds, _ in figures)
        peak = statistics.median(peak for _, peak in figures)
        told = f"{case.name} | {len(case.samples):,} | {tool} | {seconds:.2f}"
        print(f"| {told} | {seconds / bare:.2f} | {peak:.0f} |", flush=True)


def _figures(tool: str, suite: Path) -> tuple[float, float]:
    command = [sys.executable, __file__, "--tool", tool, "--suite", str(suite)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def _one(tool: str, suite: Path) -> None:
    work = {
        "bare": _bare,
        "script": _script,
        "harness": _harness,
        "polygraphy": _polygraphy,
    }[tool](suite)
    started = time.perf_counter()
    work()
    print(json.dumps((time.perf_counter() - started, own_peak_kilobytes() / 1024)))


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


if __name__ == "__main__":
    main()
