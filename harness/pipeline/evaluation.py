"""evaluate(suite) -> QualityReport: the table of contents of the program."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.core.errors import InferenceError, SuiteError
from harness.core.provenance import environment
from harness.core.results import CHECK_NAMES, GoldenFacts, QualityReport, SuiteFacts
from harness.core.specs import RunOptions, Suite
from harness.gate import asked_checks, declared_checks, limits_for, overall
from harness.golden.preprocess import preprocess_digest
from harness.golden.source import open_golden
from harness.pipeline.comparing import run_pass
from harness.pipeline.explaining import graph_is_read, may_speak
from harness.pipeline.opening import Opened, Opening, isolated, open_variant
from harness.pipeline.results import judged, study
from harness.suite import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable
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
    started = datetime.now(UTC)
    source = open_golden(suite.golden)
    with ExitStack() as stack:
        cast = _open_all(suite, source, options, stack)
        state = run_pass(suite, source, cast, progress)
        studied = study(suite, source, cast, state, diagnosed=options.diagnose)
    variants = tuple(judged(suite, opened, studied) for opened in cast.values())
    return QualityReport(
        suite=SuiteFacts(suite.name, suite.task, suite.path.name, suite.reference),
        golden=_golden_facts(suite, source, state),
        verdict=overall(variants, suite.undecided),
        variants=variants,
        findings=studied.findings,
        notices=(*source.notices, *studied.notices),
        provenance={
            "started": started.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
            **environment(suite.path.parent),
        },
    )


def planned_checks(suite: Suite, variant: VariantSpec) -> tuple[str, ...]:
    """The checks that will be asked of a candidate, known without running it."""
    limits = limits_for(variant)
    asked = set(CHECK_NAMES)
    if suite.task != "classification":
        asked -= _LABEL_CHECKS
    if not graph_is_read(variant.path):
        asked -= {"weight_drift", "operator_semantics"}
    speakers = may_speak(suite)
    if not speakers or variant.name == speakers[0].name:
        asked -= {"weight_drift"}
    # What the suite asks for by name is asked, if only to say that it cannot be told.
    asked |= declared_checks(variant.gate)
    return tuple(name for name in CHECK_NAMES if name in asked & asked_checks(limits))


def _open_all(
    suite: Suite, source: GoldenSource, options: RunOptions, stack: ExitStack
) -> dict[str, Opened]:
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
    return {*options.only, suite.reference, *(v.name for v in may_speak(suite)[:1])}


def _require_reference(opened: Opened) -> None:
    if opened.predictor is None:
        message, _, hint = (opened.reason or "").partition("\nHint: ")
        # A recording helps where the runtime is missing, not where the file is broken.
        if opened.status == "skipped":
            hint += ", or record its outputs where it runs: harness record"
        raise InferenceError(
            f"the reference {opened.spec.name!r} cannot be run: {message}", hint=hint
        )


def _golden_facts(suite: Suite, source: GoldenSource, state: Pass) -> GoldenFacts:
    counts = state.class_counts
    return GoldenFacts(
        n_samples=source.n_samples,
        digest=source.digest,
        preprocess_digest=preprocess_digest(suite.golden.preprocess),
        class_names=state.class_names,
        class_counts=None if counts is None else tuple(map(int, counts)),
    )
