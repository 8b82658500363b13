"""Opened, run and compared variants -> the records of the report."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.backends.model_files import model_digest, model_size
from harness.core.errors import HarnessError
from harness.core.results import VariantResult
from harness.gate import judge, limits_for
from harness.pipeline.explaining import (
    Weighed,
    explain,
    find_speaker,
    graph_is_read,
    ordered,
    weigh,
)
from harness.pipeline.opening import status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.comparison import ComparisonResult
    from harness.core.protocols import GoldenSource
    from harness.core.results import Finding, Status
    from harness.core.specs import Suite, VariantSpec
    from harness.pipeline.comparing import Pass
    from harness.pipeline.opening import Opened
    from harness.run import Failure


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
    """

    compared: Mapping[str, ComparisonResult]
    left: Mapping[str, tuple[Status, str]]
    weighed: Mapping[str, Weighed]
    findings: tuple[Finding, ...] = ()
    unexplained: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def study(
    suite: Suite,
    source: GoldenSource,
    cast: Mapping[str, Opened],
    state: Pass,
    *,
    diagnosed: bool,
) -> Study:
    """Finish comparisons, weigh files, and diagnose the candidates that drift."""
    compared = {}
    left = {}
    for name, candidate in state.candidates.items():
        result = candidate.result()
        if result is not None:
            compared[name] = result
        elif failure := candidate.lane.failure:
            left[name] = _farewell(failure)
    speaker = find_speaker(suite, compared)
    ran = [opened.spec for name, opened in cast.items() if name not in left]
    weighed = {spec.name: _weighed(spec, speaker) for spec in ran}
    findings: list[Finding] = []
    unexplained = {}
    for name in compared if diagnosed else ():
        try:
            findings += explain(suite, source, state, state.candidates[name], speaker)
        except HarnessError as error:
            unexplained[name] = str(error)
    return Study(
        compared=compared,
        left=left,
        weighed=weighed,
        findings=ordered(findings),
        unexplained=unexplained,
        notices=(*_nan_notices(suite, state), *_notices(suite, speaker)),
    )


def _farewell(failure: Failure) -> tuple[Status, str]:
    """What became of a candidate that left the pass, and why."""
    status = status_of(failure.error)
    # A process that died tells the batch; of the others the window is known.
    at = f"at sample {failure.sample}: " if status == "error" else ""
    return status, f"{at}{failure.error}"


def _weighed(spec: VariantSpec, speaker: VariantSpec | None) -> Weighed:
    """A file that cannot be weighed is told by its reason; the others go on."""
    try:
        return weigh(spec, speaker)
    except HarnessError as error:
        return Weighed(reason=f"its weights cannot be read: {error.message}")


def judged(suite: Suite, opened: Opened, studied: Study) -> VariantResult:
    """The record of one variant, with the gate's verdict where it is a candidate."""
    spec = opened.spec
    weighed = studied.weighed.get(spec.name, Weighed())
    compared = studied.compared.get(spec.name)
    predictor = opened.predictor
    status, reason = _status(opened, studied)
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
        backend=opened.backend,
        batch_size=_batch_size(opened),
        runtime=dict(predictor.session.runtime) if predictor else {},
        seconds_per_sample=_seconds(opened) if status == "ran" else None,
        outputs=compared.outputs if compared else (),
        labels=compared.labels if compared else None,
        weights=weighed.statistics,
        weight_drift=weighed.drift,
        skipped_checks=_unasked(spec, weighed, studied),
    )
    if spec.name == suite.reference:
        return result
    mine = [f for f in studied.findings if f.variant == spec.name]
    return judge(result, limits_for(spec), mine, declared=spec.gate)


def _status(opened: Opened, studied: Study) -> tuple[Status, str | None]:
    return studied.left.get(opened.spec.name, (opened.status, opened.reason))


def _measured(spec: VariantSpec) -> tuple[str | None, int | None]:
    """Digest and size; None where the file cannot be read, as its status tells."""
    try:
        return (
            model_digest(spec.path, spec.options),
            model_size(spec.path, spec.options),
        )
    except OSError:
        return None, None


def _batch_size(opened: Opened) -> int | None:
    """Samples a call, of a recording those of the calls that were recorded."""
    predictor = opened.predictor
    if predictor is None or predictor.fed:
        return predictor.batch_size if predictor else None
    recorded = predictor.session.runtime.get("batch_size")
    return recorded if isinstance(recorded, int) else None


def _seconds(opened: Opened) -> float | None:
    predictor = opened.predictor
    if predictor is None or predictor.n_samples == 0:
        return None
    return predictor.seconds / predictor.n_samples


def _unasked(spec: VariantSpec, weighed: Weighed, studied: Study) -> dict[str, str]:
    """Checks that cannot be asked of this variant, and why."""
    reasons = {}
    if weighed.reason:
        reasons["weight_drift"] = weighed.reason
    if not graph_is_read(spec.path):
        shown = "graphs of this form are not read yet"
        reasons["operator_semantics"] = (
            "an endpoint shows no graph" if spec.url else shown
        )
    if failure := studied.unexplained.get(spec.name):
        reasons["operator_semantics"] = f"the diagnosis failed: {failure}"
    return reasons


def _notices(suite: Suite, speaker: VariantSpec | None) -> tuple[str, ...]:
    if speaker is None:
        notice = (
            "No ONNX variant of this suite agrees with the reference, so operators and"
            " weights were not held against anything."
        )
        return (notice,)
    if speaker.name == suite.reference:
        return ()
    notice = (
        f"{speaker.name} speaks for the graph and weights of {suite.reference}: its"
        " answers are the same to float32 noise, and its file can be read."
    )
    return (notice,)


def _nan_notices(suite: Suite, state: Pass) -> tuple[str, ...]:
    """A reference that answers NaN is no yardstick, however its candidates fare."""
    return tuple(
        f"The reference {suite.reference} answers NaN in output {name!r} on"
        f" {len(array)} samples looked at: nothing can be held against that."
        for name, array in state.reference.arrays().items()
        if array.dtype.kind in "fc" and np.isnan(array).any()
    )
