"""evaluate(suite) -> QualityReport: the table of contents of the program."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError, InferenceError, SuiteError
from harness.core.provenance import environment
from harness.core.results import CHECK_NAMES, GoldenFacts, QualityReport, SuiteFacts
from harness.core.specs import RunOptions, Suite
from harness.gate import (
    Accepted,
    asked_checks,
    declared_checks,
    limits_for,
    overall,
    stale,
    waive,
)
from harness.golden.preprocess import preprocess_digest
from harness.golden.source import open_golden
from harness.pipeline.canaries import drifting_canaries
from harness.pipeline.comparing import run_pass, scoring_of
from harness.pipeline.explaining import may_speak
from harness.pipeline.graphs import graph_is_seen
from harness.pipeline.opening import (
    Opened,
    Opening,
    digest_of_model,
    isolated,
    open_variant,
)
from harness.pipeline.recordings import aged
from harness.pipeline.results import judged, study
from harness.pipeline.suspicions import too_small
from harness.pipeline.tolerances import calibrated, stale_notices
from harness.pipeline.weighing import may_be_standard, weighs
from harness.suite import load_suite, load_tolerances, load_waivers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.core.protocols import GoldenSource
    from harness.core.specs import VariantSpec
    from harness.pipeline.comparing import Pass

_LABEL_CHECKS = frozenset({"top1_agreement", "accuracy", "per_class_recall"})


def evaluate(
    suite: Suite | Path | str,
    options: RunOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> QualityReport:
    """Run a suite: every variant over the golden data, compared, explained, judged.

    Args:
        suite: A suite, or where its file lies.
        options: How to run it.
        progress: Told (samples done, samples in all) as the pass goes on.

    Raises:
        SuiteError: The suite file is wrong.
        GoldenError: The golden data is wrong.
        BackendError: The reference cannot be run; a candidate that cannot is a
            result with its reason.
    """
    options = options or RunOptions()
    suite = suite if isinstance(suite, Suite) else load_suite(suite)
    suite = isolated(suite, options.isolation)
    waivers, lock = load_waivers(suite), load_tolerances(suite)
    started = datetime.now(UTC)
    source = open_golden(suite.golden)
    measured = calibrated(suite, lock, source)
    # What is wrong with the suite is nobody's failure: it is said before all runs.
    scoring_of(suite).slices(source.class_names)
    scoring_of(suite).make(source.class_names)
    with ExitStack() as stack:
        cast = open_all(suite, source, options, stack)
        state = run_pass(suite, source, cast, progress, measured)
        studied = study(suite, source, cast, state, options)
    golden = _golden_facts(suite, source, state)
    judgements = [
        judged(suite, opened, studied, _accepted(options.baseline, golden, cast, name))
        for name, opened in cast.items()
    ]
    variants, uses = waive(judgements, waivers, options.today or started.date())
    return QualityReport(
        suite=SuiteFacts(suite.name, suite.task, suite.path.name, suite.reference),
        golden=golden,
        verdict="failed" if stale(uses) else overall(variants, suite.undecided),
        variants=variants,
        findings=studied.findings,
        notices=(
            *source.notices,
            *(state.suspicions.notices() if state.suspicions else ()),
            *too_small(variants),
            *aged(suite, source, cast),
            *stale_notices(suite, measured),
            *studied.notices,
        ),
        waivers=uses,
        provenance={
            "started": started.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
            **environment(suite.path.parent),
            "canaries": list(drifting_canaries()),
        },
    )


def planned_checks(
    suite: Suite, variant: VariantSpec, *, baseline: bool = False
) -> tuple[str, ...]:
    """The checks that will be asked of a candidate, known without running it."""
    limits = limits_for(variant, suite.task)
    asked = {name for name in CHECK_NAMES if baseline or name != "baseline"}
    if suite.task != "classification":
        asked -= _LABEL_CHECKS
    if not _is_sliced(suite):
        asked -= {"per_slice"}
    if not graph_is_seen(variant.path):
        asked -= {"operator_semantics"}
    standards = may_be_standard(suite)
    alone = not standards or variant.name == standards[0].name
    if alone or variant.url or not weighs(variant.path):
        asked -= {"weight_drift"}
    # What the suite asks for by name is asked, if only to say that it cannot be told.
    asked |= declared_checks(variant.gate)
    asked |= {"task_metrics"} if variant.max_drop else set()
    asked &= asked_checks(limits)
    if variant.matrix is not None:
        asked |= {"runs_alike"}
    return tuple(name for name in CHECK_NAMES if name in asked)


def _is_sliced(suite: Suite) -> bool:
    """Whether the suite declares slices, or its data have columns that are some.

    Data that cannot be opened are an error of the run, not of its plan; those of a
    server are not fetched for it.
    """
    if suite.slices or suite.golden.url is not None or suite.task == "tensor":
        return bool(suite.slices)
    plain = {"group", *scoring_of(suite).slicing.plain}
    try:
        first = next(iter(open_golden(suite.golden).chunks(1)), None)
    except HarnessError:
        return False
    return first is not None and not set(first.metadata) <= plain


def open_all(
    suite: Suite, source: GoldenSource, options: RunOptions, stack: ExitStack
) -> dict[str, Opened]:
    """Open everyone who is to run; `stack` closes them.

    Raises:
        BackendError: The reference cannot be run.
        SuiteError: The suite declares what a model or a backend does not know.
    """
    wanted = _wanted(suite, options)
    cast = {}
    openings = {}
    for spec in suite.variants:
        if spec.name in wanted:
            openings[spec.name] = Opening(spec)
            stack.callback(openings[spec.name].close)
    for name, opening in openings.items():
        spec = suite.variant(name)
        opened = open_variant(suite, spec, source, options.missing, opening)
        if opened.predictor is not None:
            stack.callback(opened.predictor.close)
        cast[name] = opened
    _require_reference(cast[suite.reference])
    return cast


def _wanted(suite: Suite, options: RunOptions) -> set[str]:
    """Names to run: those asked for, the reference, and who may speak for it."""
    names = {spec.name for spec in suite.variants}
    if unknown := sorted(set(options.only) - names):
        raise SuiteError(
            f"{suite.path}: no variant {unknown[0]!r}",
            hint=f"variants are {', '.join(v.name for v in suite.variants)}",
        )
    if not options.only:
        return names
    speakers = (*may_speak(suite)[:1], *may_be_standard(suite)[:1])
    return {*options.only, suite.reference, *(v.name for v in speakers)}


def _require_reference(opened: Opened) -> None:
    if opened.predictor is None:
        message, _, hint = (opened.reason or "").partition("\nHint: ")
        # A recording helps where the runtime is missing, not where the file is broken.
        if opened.status == "skipped":
            hint += ", or record its outputs where it runs: harness record"
        raise InferenceError(
            f"the reference {opened.spec.name!r} cannot be run: {message}", hint=hint
        )


def _accepted(
    baseline: QualityReport | None,
    golden: GoldenFacts,
    cast: Mapping[str, Opened],
    name: str,
) -> Accepted | None:
    """What the baseline says of a variant, and how far the runs are comparable."""
    if baseline is None:
        return None
    then = {variant.name: variant for variant in baseline.variants}
    reference = then.get(baseline.suite.reference)
    now = cast.get(baseline.suite.reference)
    same_model = (
        reference is not None
        and now is not None
        and reference.sha256 == _digest(now.spec)
    )
    return Accepted(
        variant=then.get(name),
        same_data=(baseline.golden.digest, baseline.golden.preprocess_digest)
        == (golden.digest, golden.preprocess_digest),
        same_reference=same_model,
    )


def _digest(spec: VariantSpec) -> str | None:
    try:
        return digest_of_model(spec)
    except OSError:
        return None


def _golden_facts(suite: Suite, source: GoldenSource, state: Pass) -> GoldenFacts:
    counts = state.class_counts
    return GoldenFacts(
        n_samples=source.n_samples,
        digest=source.digest,
        preprocess_digest=preprocess_digest(suite.golden.preprocess),
        class_names=state.class_names,
        class_counts=None if counts is None else tuple(map(int, counts)),
    )
