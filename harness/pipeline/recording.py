"""Records a variant's outputs, so that they can be replayed without its runtime."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.core.errors import GoldenError, InferenceError, SuiteError
from harness.core.provenance import cpu_flags
from harness.golden.changes import RecordingDiff
from harness.golden.preprocess import preprocess_digest
from harness.golden.record import RecordingWriter
from harness.golden.schema import RECORDING, Recording, Update
from harness.golden.source import open_golden
from harness.pipeline.opening import digest_of_model, open_variant, preprocess_of
from harness.run import stream
from harness.suite import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.core.protocols import GoldenSource
    from harness.core.specs import Suite, VariantSpec
    from harness.golden.changes import Change
    from harness.run import Predictor


def record(
    suite: Path | str,
    variant: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    reason: str | Callable[[Change], str] | None = None,
) -> Path:
    """Run one variant over the golden data and keep what it answers.

    Args:
        suite: A suite file, or a folder with a ``quality.toml``.
        variant: Its name; None records the reference.
        progress: Told (samples done, samples in all) as the pass goes on.
        reason: Why an older recording is replaced by another; or who is shown what
            would change, and tells why. Kept in the recording.

    Returns:
        The folder of the recording; an older one there is replaced as a whole.

    Raises:
        SuiteError: The suite names no folder for recordings, or no such variant.
        GoldenError: The recording would change, and nobody says why.
        HarnessError: The variant cannot be run; nothing is written.
    """
    loaded = load_suite(suite)
    spec = _variant(loaded, variant or loaded.reference)
    renew(loaded, spec, open_golden(loaded.golden), reason, progress)
    return folder_of(loaded, spec.name)


def renew(
    suite: Suite,
    spec: VariantSpec,
    source: GoldenSource,
    reason: str | Callable[[Change], str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Change | None:
    """Record one variant, and tell what changed; None where there was no recording.

    Raises:
        SuiteError: The suite names no folder for recordings.
        GoldenError: The recording would change, and nobody says why.
        HarnessError: The variant cannot be run; nothing is written.
    """
    folder = folder_of(suite, spec.name)
    predictor = _predictor(suite, spec, source)
    recording = Recording(
        variant=spec.name,
        model_sha256=digest_of_model(spec),
        data_digest=source.digest,
        preprocess_digest=preprocess_digest(preprocess_of(suite, spec)),
        batch_size=predictor.batch_size,
        runtime=dict(predictor.session.runtime),
        cpu_flags=tuple(cpu_flags()),
    )
    there = (folder / RECORDING).is_file()
    held = RecordingDiff(folder, recording) if there else None
    try:
        with RecordingWriter(folder, recording) as writer:
            for window in stream(source, predictor, {}, progress):
                writer.append(window.reference)
                if held is not None:
                    held.update(window.reference, window.chunk.rows)
            change = None if held is None else held.result()
            if held is not None and change is not None:
                writer.remember(_history(suite, held.old, change, reason))
    finally:
        predictor.close()
    return change


def folder_of(suite: Suite, variant: str) -> Path:
    """Where the outputs of a variant are recorded.

    Raises:
        SuiteError: The suite names no folder for recordings.
    """
    if suite.golden.recorded is None:
        raise SuiteError(
            f"{suite.path}: there is no folder for recordings",
            hint='add recorded = "recorded" to [golden]',
        )
    return suite.golden.recorded / variant


def _predictor(suite: Suite, spec: VariantSpec, source: GoldenSource) -> Predictor:
    # What is recorded must have run: a suite without recordings replays none.
    live = replace(suite, golden=replace(suite.golden, recorded=None))
    opened = open_variant(live, spec, source, "fail")
    if opened.predictor is not None and opened.status == "ran":
        return opened.predictor
    reason, _, hint = (opened.reason or "").partition("\nHint: ")
    raise InferenceError(
        f"variant {spec.name!r} cannot be run, so it cannot be recorded: {reason}",
        hint=hint or "record it where its runtime is installed",
    )


def _history(
    suite: Suite,
    old: Recording | None,
    change: Change,
    reason: str | Callable[[Change], str] | None,
) -> tuple[Update, ...]:
    """The recording's past; a change that nobody gives a reason for is refused."""
    before = old.history if old is not None else ()
    if change.same:
        return before
    told = reason(change) if callable(reason) else reason
    if told is None or not told.strip():
        raise GoldenError(
            f"the recording of {change.variant!r} would change: {change.summary()}",
            hint="say why, and it is kept: harness record"
            f' {suite.path} --variant {change.variant} --reason "..."',
        )
    sha256 = old.model_sha256 if old is not None else ""
    day = datetime.now(UTC).date().isoformat()
    return (*before, Update(day, told.strip(), change.summary(), sha256))


def _variant(suite: Suite, name: str) -> VariantSpec:
    try:
        return suite.variant(name)
    except KeyError:
        raise SuiteError(
            f"{suite.path}: no variant {name!r}",
            hint=f"variants are {', '.join(v.name for v in suite.variants)}",
        ) from None
