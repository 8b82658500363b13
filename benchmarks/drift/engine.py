"""The engine under test, asked through its public doors and nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift.running import run
from harness.backends.onnx_pieces import run_graph
from harness.comparison import distance
from harness.core.errors import InferenceError
from harness.core.specs import RunOptions
from harness.diagnose import DriftQuestion, diagnose
from harness.pipeline import evaluate
from harness.suite import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from benchmarks.drift.data import Array
    from harness.core.protocols import RerunError
    from harness.core.results import Finding


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine said.

    Attributes:
        findings: In its order; notes are left out.
        seconds: It took, the plain run of both models not counted.
        run_seconds: Loading and running both models once over the same samples.
        error: Its error's message, where it gave up.
    """

    findings: tuple[Finding, ...]
    seconds: float
    run_seconds: float
    error: str | None = None


def ask(
    reference: Path,
    candidate: Path,
    inputs: dict[str, Array],
    batch_size: int | None = None,
) -> Answer:
    """Run two ONNX files on the same samples and ask why they part.

    Args:
        reference: The file that is right.
        candidate: The file that is judged.
        inputs: Golden samples by name, for both.
        batch_size: Samples at a time in runs of whole models; None for all.
    """

    def run_whole(model: bytes) -> dict[str, Array]:
        n_samples = len(next(iter(inputs.values())))
        rows = range(0, n_samples, batch_size or n_samples)
        parts = [
            _own(run(model, _slice(inputs, row, batch_size or n_samples), "all"))
            for row in rows
        ]
        return {n: np.concatenate([part[n] for part in parts]) for n in parts[0]}

    start = time.perf_counter()
    expected = run_whole(reference.read_bytes())
    answers = run_whole(candidate.read_bytes())
    run_seconds = time.perf_counter() - start

    def rerun(model: bytes) -> RerunError:
        try:
            answers = run_whole(model)
        except Exception as error:  # whatever onnxruntime has against the edited model
            raise InferenceError(str(error), hint="an edit does not run") from error
        return distance(expected, answers, None)

    question = DriftQuestion(
        variant="candidate",
        reference_model=reference,
        candidate_model=candidate,
        reference_outputs=expected,
        candidate_outputs=answers,
        rerun=rerun,
        sample_shapes={name: array.shape[1:] for name, array in inputs.items()},
        reference_feeds=inputs,
        candidate_feeds=inputs,
        run_graph=run_graph,
    )
    return _timed(lambda: diagnose(question).findings, run_seconds)


def _slice(inputs: dict[str, Array], start: int, n_samples: int) -> dict[str, Array]:
    return {name: value[start : start + n_samples] for name, value in inputs.items()}


def _own(answers: dict[str, Array]) -> dict[str, Array]:
    """Copies: an answer of onnxruntime keeps all memory of its session alive."""
    return {name: value.copy() for name, value in answers.items()}


def ask_suite(path: Path) -> Answer:
    """Evaluate a suite of two files, of whatever format, as its user would."""
    options = RunOptions(missing="fail", isolation="none")
    start = time.perf_counter()
    evaluate(load_suite(path), RunOptions("fail", diagnose=False, isolation="none"))
    run_seconds = time.perf_counter() - start
    return _timed(lambda: evaluate(load_suite(path), options).findings, run_seconds)


def _timed(work: Callable[[], Iterable[Finding]], run_seconds: float) -> Answer:
    start = time.perf_counter()
    findings: tuple[Finding, ...] = ()
    error = None
    try:
        findings = tuple(f for f in work() if f.severity != "info")
    except Exception as failure:  # noqa: BLE001 - one pair must not end the bench
        error = f"{type(failure).__name__}: {failure}"
    return Answer(findings, time.perf_counter() - start, run_seconds, error)
