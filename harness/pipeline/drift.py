"""Where and why one model file parts from another: a few samples, no suite, no gate."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.comparison import distance
from harness.core.errors import BackendError, ComparisonError
from harness.core.findings import DriftReport
from harness.core.progress import enter
from harness.core.specs import RunOptions
from harness.diagnose import BUDGET, Budget, outputs_agree
from harness.golden.first import FirstSamples
from harness.golden.source import open_golden
from harness.pipeline.crews import LocalCrew, whole_pass
from harness.pipeline.diagnosing import diagnose_candidate
from harness.pipeline.evidence import EVIDENCE_SAMPLES
from harness.pipeline.explaining import find_speaker, graph_is_read, ordered
from harness.pipeline.matrix import matrix_of
from harness.pipeline.pair import suite_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.core.findings import Finding, RunMatrix
    from harness.core.protocols import Arrays, GoldenSource, RerunError
    from harness.core.specs import Preprocess, Suite
    from harness.diagnose import Diagnosis
    from harness.pipeline.comparing import Candidate, Pass
    from harness.pipeline.opening import Standing


@dataclass(frozen=True, slots=True)
class DiagnoseOptions:
    """How a pair is diagnosed.

    Attributes:
        n_samples: Golden samples to look at, the first ones; 64 at most.
        matrix: Whether the candidate is run in other ways, too.
        budget_bytes: Memory for values that are looked at.
    """

    n_samples: int = EVIDENCE_SAMPLES
    matrix: bool = False
    budget_bytes: int = BUDGET


def diagnose_pair(
    reference: Path | str,
    candidate: Path | str,
    data: Path | str,
    options: DiagnoseOptions | None = None,
    *,
    preprocess: Preprocess | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[DriftReport, bytes | None]:
    """Tell where and why one model file parts from another.

    Args:
        reference: Model file or folder that is right.
        candidate: Model file or folder that is looked into.
        data: Golden data, in any of its formats.
        options: How to go about it.
        preprocess: How samples are prepared for both models.
        progress: Told (samples done, samples in all) as both models run.

    Returns:
        The report, and the candidate after all edits that were proven, as the bytes
        of an ONNX file; None where there are none.

    Raises:
        HarnessError: A file or the data is wrong, or a model does not run.
    """
    options = options or DiagnoseOptions()
    suite = suite_of(reference, candidate, data, preprocess=preprocess)
    suite = replace(suite, task="tensor")
    n_samples = min(options.n_samples, EVIDENCE_SAMPLES)
    source = FirstSamples(open_golden(suite.golden), n_samples)
    with closing(LocalCrew(suite, source, RunOptions(missing="fail"), {})) as crew:
        _require_candidate(crew.standings["candidate"])
        state = whole_pass(suite, source, crew, {}, progress)
        enter(progress, "looking for causes")
        told = _diagnosed(suite, source, state, options)
    report = replace(
        _report(state, told),
        reference=str(reference),
        candidate=str(candidate),
        notices=(*source.notices, *told.diagnosis.notices),
    )
    return report, told.diagnosis.repaired


def _require_candidate(standing: Standing) -> None:
    if standing.facts is None:
        message, _, hint = (standing.reason or "").partition("\nHint: ")
        raise BackendError(
            message, hint=hint or "harness inspect tells what the file holds"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """A diagnosis, and the tables beside it."""

    diagnosis: Diagnosis
    matrices: tuple[RunMatrix, ...] = ()
    more: tuple[Finding, ...] = ()


def _diagnosed(
    suite: Suite, source: GoldenSource, state: Pass, options: DiagnoseOptions
) -> _Told:
    candidate = state.candidates["candidate"]
    _require_answers(candidate)
    result = candidate.result()
    speaker = find_speaker(suite, {"candidate": result} if result else {})
    budget = Budget(options.budget_bytes)
    told = diagnose_candidate(suite, source, state, candidate, speaker, budget)
    if not options.matrix:
        return _Told(told)
    table, more = matrix_of(suite, source, state, candidate)
    # Levels that matter are named by the optimizer where the outputs drift.
    known = {finding.code for finding in told.findings}
    return _Told(told, (table,), tuple(f for f in more if f.code not in known))


def _require_answers(candidate: Candidate) -> None:
    """Outputs of another shape are drift that a graph may explain; none are not."""
    failure = candidate.failure
    if failure is None or isinstance(failure.error, ComparisonError):
        return
    error = failure.error
    raise type(error)(
        f"candidate {candidate.spec.path}, from sample {failure.sample} on:"
        f" {error.message}",
        hint=error.hint,
    ) from error


def _report(state: Pass, told: _Told) -> DriftReport:
    candidate = state.candidates["candidate"]
    path = candidate.spec.path
    n_samples = min(len(state.reference), len(candidate.evidence))
    mine = state.reference.arrays(n_samples)
    other = candidate.evidence.arrays(n_samples)
    alike = outputs_agree(mine, other, path if graph_is_read(path) else None)
    apart = _apart(mine, other, state.class_names)
    return DriftReport(
        reference="",
        candidate="",
        drifts=not alike,
        max_abs_error=None if apart is None else apart.max_abs_error,
        n_samples=n_samples,
        n_flipped=None if apart is None else apart.n_flipped,
        findings=ordered((*told.diagnosis.findings, *told.more)),
        profile=told.diagnosis.profile,
        matrices=told.matrices,
        notices=told.diagnosis.notices,
    )


def _apart(
    reference: Arrays, candidate: Arrays, class_names: tuple[str, ...] | None
) -> RerunError | None:
    try:
        return distance(reference, candidate, class_names)
    except ComparisonError:
        return None
