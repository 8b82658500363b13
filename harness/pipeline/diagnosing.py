"""Why a candidate drifts: how its runtime runs it first, then what its file says.

Whatever the runtime's optimizations change is found first, and the candidate is looked
into as it runs without that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.backends.onnx_optimizers import OPTIMIZERS
from harness.core.errors import BackendError
from harness.diagnose import Budget, FusionQuestion, find_fusion, outputs_agree
from harness.pipeline.canaries import fusing_canaries
from harness.pipeline.evidence import Evidence
from harness.pipeline.explaining import explain
from harness.pipeline.rerunning import file_runner

if TYPE_CHECKING:
    from harness.core.protocols import Arrays, GoldenSource
    from harness.core.specs import Suite, VariantSpec
    from harness.diagnose import Diagnosis, Fusion
    from harness.pipeline.comparing import Candidate, Pass
    from harness.pipeline.rerunning import FileRunner


def diagnose_candidate(
    suite: Suite,
    source: GoldenSource,
    state: Pass,
    candidate: Candidate,
    speaker: VariantSpec | None,
    budget: Budget | None = None,
) -> Diagnosis:
    """Find, name and prove what makes this candidate part from the reference.

    Raises:
        HarnessError: A model file is broken.
    """
    notices: tuple[str, ...] = ()
    fusion = None
    try:
        fusion = _fusion(suite, source, state, candidate)
    except BackendError as error:
        notices = (f"it does not run without optimization: {error.message}",)
    if fusion is not None:
        candidate = _sound(candidate, fusion)
    told = explain(suite, source, state, candidate, speaker, budget)
    first = () if fusion is None else (fusion.finding,)
    return replace(
        told, findings=(*first, *told.findings), notices=(*notices, *told.notices)
    )


def _fusion(
    suite: Suite, source: GoldenSource, state: Pass, candidate: Candidate
) -> Fusion | None:
    run = file_runner(suite, source, state, candidate)
    if run is None:
        return None
    n_samples = len(next(iter(run.inputs.values())))
    reference = state.reference.arrays(n_samples)
    outputs = candidate.evidence.arrays(n_samples)
    if outputs_agree(reference, outputs, None):
        return None
    return look_for_fusion(run, reference, outputs, state.class_names)


def look_for_fusion(
    run: FileRunner,
    reference: Arrays,
    outputs: Arrays,
    class_names: tuple[str, ...] | None,
) -> Fusion | None:
    """What the runtime's optimizations change in a candidate.

    Args:
        run: Runs it.
        reference: What is right, by output name.
        outputs: What it answers as it is deployed.
        class_names: None where the task has none.

    Raises:
        HarnessError: The model file is broken, or does not run without optimization.
    """
    question = FusionQuestion(
        variant=run.spec.name,
        model=run.spec.path,
        reference_outputs=reference,
        candidate_outputs=outputs,
        run=run,
        options=run.spec.options,
        optimizers=OPTIMIZERS,
        optimized=run.optimized,
        class_names=class_names,
        canaries=fusing_canaries(),
    )
    return find_fusion(question)


def _sound(candidate: Candidate, fusion: Fusion) -> Candidate:
    """The candidate as it answers where the runtime changes nothing."""
    spec = candidate.spec
    evidence = Evidence()
    evidence.add(fusion.outputs)
    options = {**spec.options, **fusion.options}
    return replace(candidate, spec=replace(spec, options=options), evidence=evidence)
