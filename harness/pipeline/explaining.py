"""Why a candidate parts from the reference: weights and graphs of the files.

The reference may be a file whose graph cannot be read here (a Keras model replayed
from a recording, say). Then another variant speaks for it: the first float ONNX file
of the suite whose answers agree with the reference's to float32 noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.backends.detect import detect_form
from harness.backends.onnxruntime_ import open_bytes
from harness.comparison import distance
from harness.core.errors import HarnessError
from harness.diagnose import DriftQuestion, diagnose
from harness.pipeline.opening import predictor_for
from harness.weights import compare_weights, describe, reader_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.comparison import ComparisonResult
    from harness.core.protocols import GoldenSource, Rerun, RerunError, WeightReader
    from harness.core.results import (
        Finding,
        OutputComparison,
        TensorStatistics,
        WeightComparison,
    )
    from harness.core.specs import Suite, VariantSpec
    from harness.pipeline.comparing import Candidate, Pass

# float32 rounding through a network leaves 100 to 140 dB; a changed epsilon, 40 to 60.
_AGREEING_SQNR_DB = 90.0
_FLOAT_KINDS = frozenset({"original", "converted", "frozen", "optimized"})


@dataclass(frozen=True, slots=True)
class Weighed:
    """Weights of one variant.

    Attributes:
        statistics: One record a tensor; empty where the form is not read.
        drift: Against the speaker's; None where there is nothing to hold against.
        reason: Why `drift` is None.
    """

    statistics: tuple[TensorStatistics, ...] = ()
    drift: WeightComparison | None = None
    reason: str | None = None


def may_speak(suite: Suite) -> tuple[VariantSpec, ...]:
    """Variants whose file may speak for the reference, the likeliest first."""
    reference = suite.variant(suite.reference)
    others = [v for v in suite.candidates if v.kind in _FLOAT_KINDS]
    return tuple(v for v in (reference, *others) if graph_is_read(v.path))


def graph_is_read(path: Path) -> bool:
    """Whether graph and weights of this file can be read here."""
    return _form(path) == "onnx"


def weights_reader(path: Path) -> WeightReader | None:
    """The reader of this file's weights; None where there is none for its form."""
    form = _form(path)
    return reader_for(form) if form else None


def _form(path: Path) -> str | None:
    try:
        return detect_form(path).name
    except HarnessError:
        # Opening the variant says what is wrong with the file.
        return None


def find_speaker(
    suite: Suite, results: Mapping[str, ComparisonResult]
) -> VariantSpec | None:
    """The variant that speaks for the reference's graph and weights."""
    for spec in may_speak(suite):
        if spec.name == suite.reference:
            return spec
        result = results.get(spec.name)
        if result is not None and all(map(_agrees, result.outputs)):
            return spec
    return None


def _agrees(output: OutputComparison) -> bool:
    if output.n_nonfinite or output.max_abs_error is None:
        return False
    return output.sqnr_db is None or output.sqnr_db >= _AGREEING_SQNR_DB


def weigh(spec: VariantSpec, speaker: VariantSpec | None) -> Weighed:
    """Describe a variant's weights and hold them against the speaker's.

    Raises:
        HarnessError: A model file is broken.
    """
    reader = weights_reader(spec.path)
    if reader is None:
        shown = "weights of this form are not read yet"
        return Weighed(reason="an endpoint shows no weights" if spec.url else shown)
    statistics = tuple(describe(tensor) for tensor in reader(spec.path))
    if speaker is None:
        return Weighed(statistics, None, "no variant speaks for the reference")
    if speaker.name == spec.name:
        return Weighed(statistics, None, "its weights speak for the reference")
    theirs = weights_reader(speaker.path)
    assert theirs is not None  # or it would not speak
    drift = compare_weights(theirs(speaker.path), reader(spec.path), speaker.name)
    return Weighed(statistics, drift)


def explain(
    suite: Suite,
    source: GoldenSource,
    state: Pass,
    candidate: Candidate,
    speaker: VariantSpec | None,
) -> tuple[Finding, ...]:
    """Find, name and prove what makes this candidate part from the reference.

    Raises:
        HarnessError: A model file is broken.
    """
    spec = candidate.spec
    readable = graph_is_read(spec.path)
    n_samples = _n_samples(state, candidate)
    question = DriftQuestion(
        variant=spec.name,
        reference_model=speaker.path if speaker else None,
        candidate_model=spec.path if readable else None,
        reference_outputs=state.reference.arrays(n_samples),
        candidate_outputs=candidate.evidence.arrays(n_samples),
        class_names=state.class_names,
        rerun=_rerun(suite, source, state, candidate) if readable else None,
    )
    return diagnose(question)


def _n_samples(state: Pass, candidate: Candidate) -> int:
    """Samples that everybody has kept."""
    return min(map(len, (state.inputs, state.reference, candidate.evidence)))


def _rerun(
    suite: Suite, source: GoldenSource, state: Pass, candidate: Candidate
) -> Rerun:
    """Runs an edited candidate on the evidence samples, fed as the candidate is."""
    spec = candidate.spec
    n_samples = _n_samples(state, candidate)
    inputs = state.inputs.arrays(n_samples)
    reference = state.reference.arrays(n_samples)

    def rerun(model: bytes) -> RerunError:
        session = open_bytes(model, spec.options, spec.path.parent)
        try:
            predictor = predictor_for(suite, spec, source, session)
            answers = predictor.predict(inputs, slice(0, n_samples))
        finally:
            session.close()
        paired = {ours: answers[theirs] for ours, theirs in candidate.pairs.items()}
        return distance(reference, paired, state.class_names)

    return rerun


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors before warnings before notes; otherwise as they were found."""
    rank = {"error": 0, "warning": 1, "info": 2}
    return tuple(sorted(findings, key=lambda finding: rank[finding.severity]))
