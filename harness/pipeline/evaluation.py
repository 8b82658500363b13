"""evaluate(suite) -> QualityReport: the table of contents of the program."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.cache import key_of
from harness.core.errors import HarnessError
from harness.core.progress import enter
from harness.core.provenance import environment, place_in_checkout
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
from harness.pipeline.circumstances import circumstances, installed
from harness.pipeline.comparing import scoring_of
from harness.pipeline.crews import crew_for
from harness.pipeline.early import Patience, go_through
from harness.pipeline.early_words import early_notices, spared
from harness.pipeline.graphs import graph_is_seen
from harness.pipeline.kept_crew import identities
from harness.pipeline.looks import Looks
from harness.pipeline.opening import digest_of_model, isolated
from harness.pipeline.recordings import aged
from harness.pipeline.results import Study, judged, study
from harness.pipeline.studies import Studies
from harness.pipeline.suspicions import too_small
from harness.pipeline.tolerances import calibrated, stale_notices
from harness.pipeline.weighing import (
    audits,
    holds_codes,
    may_be_standard,
    weighs,
)
from harness.suite import load_suite, load_tolerances, load_waivers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.core.protocols import GoldenSource
    from harness.core.results import ShownSample, VariantResult
    from harness.core.specs import VariantSpec
    from harness.pipeline.cache import Cache
    from harness.pipeline.comparing import Pass
    from harness.pipeline.early import Gone

_LABEL_CHECKS = frozenset({"top1_agreement", "accuracy", "per_class_recall"})


def evaluate(
    suite: Suite | Path | str,
    options: RunOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
    cache: Cache | None = None,
) -> QualityReport:
    """Run a suite: every variant over the golden data, compared, explained, judged.

    Args:
        suite: A suite, or where its file lies.
        options: How to run it.
        progress: Told (samples done, samples in all) as the pass goes on; one that is
            `harness.core.progress.Staged` is told of what comes after, too.
        cache: What was found before; None keeps nothing.

    Raises:
        HarnessError: As of `harness.pipeline.answered.evaluate`, the door to this.
    """
    options = options or RunOptions()
    # What is seen in a limited time is found by chance: nobody could ask for it again.
    cache = cache if options.budget_seconds is None else None
    suite = suite if isinstance(suite, Suite) else load_suite(suite)
    suite = isolated(suite, options.isolation)
    waivers, lock = load_waivers(suite), load_tolerances(suite)
    started = datetime.now(UTC)
    source = open_golden(suite.golden)
    measured = calibrated(suite, lock, source)
    # What is wrong with the suite is nobody's failure: it is said before all runs.
    scoring_of(suite).slices(source.class_names)
    scoring_of(suite).make(source.class_names)
    enter(progress, "opening models")
    with crew_for(suite, source, options, measured, cache) as crew:
        cast = crew.standings
        gone = go_through(suite, source, crew, measured, Patience.of(options), progress)
        state = gone.state
        studied = study(_studies(suite, source, state, options, cache), cast, progress)
    golden = _golden_facts(suite, source, gone)
    accepted = {name: _accepted(options.baseline, golden, suite, name) for name in cast}
    told = (judged(suite, cast[n], studied, accepted[n], gone.look) for n in cast)
    variants, uses = waive([*told], waivers, options.today or started.date())
    uses = spared(uses) if gone.partly else uses
    return QualityReport(
        suite=SuiteFacts(suite.name, suite.task, suite.path.name, suite.reference),
        golden=golden,
        verdict="failed" if stale(uses) else overall(variants, suite.undecided),
        variants=variants,
        findings=studied.findings,
        notices=(
            *early_notices(gone.early, variants),
            *_of_data(suite, source, state, variants),
            *aged(suite, source, cast),
            *stale_notices(suite, measured),
            *studied.notices,
        ),
        waivers=uses,
        samples=_shown(state, studied),
        provenance={**_provenance(suite, started, cache), **crew.told},
        early=gone.early,
    )


def _shown(state: Pass, studied: Study) -> tuple[ShownSample, ...]:
    """Inputs that a reader may look at, of all candidates."""
    whole = Looks()
    for candidate in state.candidates.values():
        whole.merge(candidate.looks)
    return whole.result(studied.compared)


def _studies(
    suite: Suite,
    source: GoldenSource,
    state: Pass,
    options: RunOptions,
    cache: Cache | None,
) -> Studies:
    known = identities(suite, source, options) if cache else {}
    return Studies(suite, source, state, options, cache, known)


def _of_data(
    suite: Suite,
    source: GoldenSource,
    state: Pass,
    variants: tuple[VariantResult, ...],
) -> Iterator[str]:
    """What a reader should know of the golden data."""
    yield from source.notices
    yield from state.suspicions.notices(suite, source)
    yield from too_small(variants)


def _provenance(suite: Suite, started: datetime, cache: Cache | None) -> dict[str, Any]:
    return {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        **environment(suite.path.parent),
        "suite_file": place_in_checkout(suite.path),
        "canaries": _canaries(cache),
    }


def _canaries(cache: Cache | None) -> list[str]:
    if cache is None:
        return list(drifting_canaries())
    key = key_of("canaries", installed(), circumstances())
    return cache.found(key, list, lambda: list(drifting_canaries()))


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
    if not graph_is_seen(variant):
        asked -= {"operator_semantics"}
    standards = may_be_standard(suite)
    alone = not standards or variant.name == standards[0].name
    if alone or variant.url or not weighs(variant.path):
        asked -= {"weight_drift"}
    audited = variant.kind == "quantized" and not variant.url and audits(variant.path)
    if not audited or not holds_codes(variant.path):
        asked -= {"quantization"}
    # What the suite asks for by name is asked, if only to say that it cannot be told.
    asked |= declared_checks(variant.gate)
    asked |= {"task_metrics"} if variant.max_drop else set()
    asked &= asked_checks(limits)
    if variant.matrix is not None:
        asked |= {"runs_alike"}
    return tuple(name for name in CHECK_NAMES if name in asked)


def _is_sliced(suite: Suite) -> bool:
    """Whether the suite declares slices, or its data have columns that are some.

    Data that cannot be opened are an error of the run, not of its plan. Those of a
    server are not fetched for it: they may be sliced, and the run says whether.
    """
    if suite.slices or suite.task == "tensor":
        return bool(suite.slices)
    if suite.golden.url is not None:
        return True
    plain = {"group", *scoring_of(suite).slicing.plain}
    try:
        first = next(iter(open_golden(suite.golden).chunks(1)), None)
    except HarnessError:
        return False
    return first is not None and not set(first.metadata) <= plain


def _accepted(
    baseline: QualityReport | None,
    golden: GoldenFacts,
    suite: Suite,
    name: str,
) -> Accepted | None:
    """What the baseline says of a variant, and how far the runs are comparable."""
    if baseline is None:
        return None
    then = {variant.name: variant for variant in baseline.variants}
    reference = then.get(baseline.suite.reference)
    specs = {spec.name: spec for spec in suite.variants}
    now = specs.get(baseline.suite.reference)
    same_model = (
        reference is not None and now is not None and reference.sha256 == _digest(now)
    )
    return Accepted(
        variant=then.get(name),
        same_data=_samples(baseline.golden) == _samples(golden),
        same_reference=same_model,
    )


def _samples(golden: GoldenFacts) -> tuple[str, str, int]:
    """What tells which samples a run was on; a budget may have left some out."""
    return golden.digest, golden.preprocess_digest, golden.n_samples


def _digest(spec: VariantSpec) -> str | None:
    try:
        return digest_of_model(spec)
    except OSError:
        return None


def _golden_facts(suite: Suite, source: GoldenSource, gone: Gone) -> GoldenFacts:
    state = gone.state
    counts = state.class_counts
    return GoldenFacts(
        n_samples=gone.early.n_used if gone.early else source.n_samples,
        digest=source.digest,
        preprocess_digest=preprocess_digest(suite.golden.preprocess),
        class_names=state.class_names,
        class_counts=None if counts is None else tuple(map(int, counts)),
    )
