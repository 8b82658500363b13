"""Opened, run and compared variants -> the records of the report."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.backends.model_files import model_digest, model_size
from harness.core.errors import HarnessError
from harness.core.progress import enter
from harness.core.results import RunMatrix, VariantResult
from harness.pipeline.explaining import (
    find_speaker,
    ordered,
)
from harness.pipeline.graphs import graph_is_seen
from harness.pipeline.judging import verdict_on
from harness.pipeline.opening import status_of
from harness.pipeline.weighing import Weighed, audits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.comparison import ComparisonResult
    from harness.core.progress import Progress
    from harness.core.results import ErrorProfile, Finding, Status
    from harness.core.specs import Suite, VariantSpec
    from harness.core.tolerances import Calibrated
    from harness.gate import Accepted, Look
    from harness.pipeline.comparing import Candidate, Pass
    from harness.pipeline.opening import Standing
    from harness.pipeline.studies import Studies
    from harness.run import Failure, RunFacts

_NO_SLICES = "no slice of the data could be made"
_NO_COLUMNS = "the data have no column that makes slices"


_LOST = {"graph": "operators", "weights": "weights"}


@dataclass(frozen=True, slots=True)
class Study:
    """What was learnt of all variants, by name, before anything is judged.

    Attributes:
        compared: Comparisons of the candidates that ran to the end.
        left: Candidates that left the pass -> what became of them, and why.
        weighed: Weights of those whose form is read.
        findings: Causes of drift, root causes first.
        unexplained: Candidates whose diagnosis failed -> why.
        notices: For the reader.
        calibrated: What a lock says of each candidate.
        matrices: Candidates that were run in other ways -> the table, or why not.
        unseen: Candidates whose graph could not be looked into -> why.
        profiles: Candidates that were run step by step -> errors along their graphs.
        seconds: Variants that answered -> seconds a sample.
    """

    compared: Mapping[str, ComparisonResult]
    left: Mapping[str, tuple[Status, str]]
    weighed: Mapping[str, Weighed]
    findings: tuple[Finding, ...] = ()
    unexplained: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    calibrated: Mapping[str, Calibrated] = field(default_factory=dict)
    matrices: Mapping[str, RunMatrix | str] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, ErrorProfile] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


def study(
    studies: Studies,
    cast: Mapping[str, Standing],
    progress: Progress | None = None,
) -> Study:
    """Finish comparisons, weigh files, and diagnose the candidates that drift.

    Args:
        studies: Finds what is to be found.
        cast: How each variant stands.
        progress: Told what is done now.
    """
    suite, state, options = studies.suite, studies.state, studies.options
    compared, left = _parted(state)
    speaker = find_speaker(suite, compared)
    ran = [suite.variant(name) for name in cast if name not in left]
    held_to = studies.standard(compared)
    findings: list[Finding] = []
    notices: list[str] = []
    unexplained = {}
    profiles = {}
    for name in compared if options.diagnose else ():
        try:
            enter(progress, f"looking for causes in {name}")
            told = studies.diagnosis(state.candidates[name], speaker)
            findings += told.findings
            notices += (f"{name}: {notice}" for notice in told.notices)
            if told.profile is not None:
                profiles[name] = told.profile
        except HarnessError as error:
            unexplained[name] = str(error)
    matrices = {}
    for name in compared:
        if state.candidates[name].spec.matrix is not None:
            enter(progress, f"running {name} in other ways")
            matrices[name], more = _matrix(studies, state.candidates[name])
            known = {(finding.variant, finding.code) for finding in findings}
            findings += (f for f in more if (f.variant, f.code) not in known)
    enter(progress, "looking at weights")
    return Study(
        compared=compared,
        left=left,
        weighed=studies.weighed(ran, held_to, speaker),
        findings=ordered(findings),
        unexplained=unexplained,
        unseen={n: c.unseen for n, c in state.candidates.items() if c.unseen},
        notices=(
            *_nan_notices(suite, state),
            *_notices(suite, speaker, held_to.spec if held_to else None),
            *notices,
        ),
        calibrated=state.calibrated,
        matrices=matrices,
        profiles=profiles,
        seconds=_seconds(state),
    )


def _matrix(
    studies: Studies, candidate: Candidate
) -> tuple[RunMatrix | str, tuple[Finding, ...]]:
    """The candidate run in other ways, and which of them matter; or why not."""
    try:
        told = studies.matrix(candidate)
    except HarnessError as error:
        return error.message, ()
    return told.matrix, told.findings


def _farewell(failure: Failure) -> tuple[Status, str]:
    """What became of a candidate that left the pass, and why."""
    status = status_of(failure.error)
    # A process that died tells the batch; of the others the window is known.
    at = f"at sample {failure.sample}: " if status == "error" else ""
    return status, f"{at}{failure.error}"


def judged(
    suite: Suite,
    standing: Standing,
    studied: Study,
    accepted: Accepted | None = None,
    look: Look | None = None,
) -> VariantResult:
    """The record of one variant, with the gate's verdict where it is a candidate."""
    spec, facts = suite.variant(standing.name), standing.facts
    weighed = studied.weighed.get(spec.name, Weighed())
    compared = studied.compared.get(spec.name)
    status, reason = _status(standing, studied)
    matrix = studied.matrices.get(spec.name)
    digest, size = _measured(spec)
    result = VariantResult(
        name=spec.name,
        kind=spec.kind,
        status=status,
        reason=reason,
        verdict=None,
        path=spec.url or os.path.relpath(spec.path, suite.path.parent),
        line=spec.line,
        sha256=digest,
        size_bytes=size,
        backend=standing.backend,
        batch_size=_batch_size(facts),
        runtime=dict(facts.runtime) if facts else {},
        seconds_per_sample=studied.seconds.get(spec.name) if status == "ran" else None,
        outputs=compared.outputs if compared else (),
        labels=compared.labels if compared else None,
        task=compared.task if compared else None,
        weights=weighed.statistics,
        weight_drift=weighed.drift,
        weight_audit=weighed.audit,
        weight_harm=weighed.harm,
        skipped_checks=_unasked(spec, weighed, studied),
        matrix=matrix if isinstance(matrix, RunMatrix) else None,
        profile=studied.profiles.get(spec.name),
    )
    if not (result.task and result.task.slices) and (why := _unsliced(suite)):
        reasons = {**result.skipped_checks, "per_slice": why}
        result = replace(result, skipped_checks=reasons)
    if spec.name == suite.reference:
        return result
    mine = [f for f in studied.findings if f.variant == spec.name]
    measured = studied.calibrated.get(spec.name)
    return verdict_on(suite, result, look, measured, mine, accepted)


def _status(standing: Standing, studied: Study) -> tuple[Status, str | None]:
    return studied.left.get(standing.name, (standing.status, standing.reason))


def _measured(spec: VariantSpec) -> tuple[str | None, int | None]:
    """Digest and size; None where the file cannot be read, as its status tells."""
    try:
        return (
            model_digest(spec.path, spec.options),
            model_size(spec.path, spec.options),
        )
    except OSError:
        return None, None


def _batch_size(facts: RunFacts | None) -> int | None:
    """Samples a call, of a recording those of the calls that were recorded."""
    if facts is None or facts.fed:
        return facts.batch_size if facts else None
    recorded = facts.runtime.get("batch_size")
    return recorded if isinstance(recorded, int) else None


def _seconds(state: Pass) -> dict[str, float]:
    """Variant -> seconds a sample, of those that answered."""
    return {name: seconds / n for name, (seconds, n) in state.timing.items() if n}


def _parted(
    state: Pass,
) -> tuple[dict[str, ComparisonResult], dict[str, tuple[Status, str]]]:
    """Candidates that were compared, and those that left on the way."""
    compared: dict[str, ComparisonResult] = {}
    left: dict[str, tuple[Status, str]] = {}
    for name, candidate in state.candidates.items():
        result = candidate.result()
        if result is not None:
            compared[name] = result
        elif failure := candidate.failure:
            left[name] = _farewell(failure)
    return compared, left


def _unsliced(suite: Suite) -> str:
    """Why nothing is sliced where a plan says it may be; empty where none does."""
    if suite.slices:
        return _NO_SLICES
    remote = suite.golden.url is not None and suite.task != "tensor"
    return _NO_COLUMNS if remote else ""


def _unasked(spec: VariantSpec, weighed: Weighed, studied: Study) -> dict[str, str]:
    """Checks that cannot be asked of this variant, and why."""
    reasons = {}
    if weighed.reason:
        reasons["weight_drift"] = weighed.reason
    if spec.kind == "quantized" and weighed.audit is None:
        reasons["quantization"] = _unaudited(spec, weighed)
    if why_not := studied.unseen.get(spec.name):
        reasons["operator_semantics"] = why_not
    if not graph_is_seen(spec):
        shown = "graphs of this form are not read yet"
        reasons["operator_semantics"] = (
            "an endpoint shows no graph" if spec.url else shown
        )
    if failure := studied.unexplained.get(spec.name):
        reasons["operator_semantics"] = f"the diagnosis failed: {failure}"
    if isinstance(why := studied.matrices.get(spec.name), str):
        reasons["runs_alike"] = why
    return reasons


def _unaudited(spec: VariantSpec, weighed: Weighed) -> str:
    """Why there is no audit of a quantized variant."""
    if spec.url or not weighed.statistics:
        return weighed.reason or "weights of this form are not read"
    if not audits(spec.path):
        return "scales and codes of this form are not read"
    return "it holds no quantized values"


def _notices(
    suite: Suite, speaker: VariantSpec | None, weights: VariantSpec | None
) -> tuple[str, ...]:
    """Who speaks for the reference where its own file cannot be read."""
    seen = graph_is_seen(suite.variant(suite.reference))
    heard = (("graph", speaker is not None or seen), ("weights", weights is not None))
    lost = [what for what, is_heard in heard if not is_heard]
    spoken: dict[str, list[str]] = {}
    for what, spec in (("graph", speaker), ("weights", weights)):
        if spec is not None and spec.name != suite.reference:
            spoken.setdefault(spec.name, []).append(what)
    told = tuple(
        f"{name} speaks for the {' and '.join(what)} of {suite.reference}: its answers"
        " are the same to float32 noise, and its file can be read."
        for name, what in spoken.items()
    )
    if not lost:
        return told
    unheld = " and ".join(_LOST[what] for what in lost)
    notice = (
        f"No variant whose {' or '.join(lost)} can be read agrees with the reference,"
        f" so {unheld} were not held against anything."
    )
    return (notice, *told)


def _nan_notices(suite: Suite, state: Pass) -> tuple[str, ...]:
    """A reference that answers NaN is no yardstick, however its candidates fare."""
    return tuple(
        f"The reference {suite.reference} answers NaN in output {name!r} on"
        f" {len(array)} samples looked at: nothing can be held against that."
        for name, array in state.reference.arrays().items()
        if array.dtype.kind in "fc" and np.isnan(array).any()
    )
