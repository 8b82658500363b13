"""Records a variant's outputs, so that they can be replayed without its runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import InferenceError, SuiteError
from harness.golden.preprocess import preprocess_digest
from harness.golden.record import RecordingWriter
from harness.golden.schema import Recording
from harness.golden.source import open_golden
from harness.pipeline.opening import digest_of_model, open_variant, preprocess_of
from harness.run import stream
from harness.suite import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.core.specs import Suite, VariantSpec


def record(
    suite: Path | str,
    variant: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Run one variant over the golden data and keep what it answers.

    Args:
        suite: A suite file, or a folder with a ``quality.toml``.
        variant: Its name; None records the reference.
        progress: Told (samples done, samples in all) as the pass goes on.

    Returns:
        The folder of the recording; an older one there is replaced as a whole.

    Raises:
        SuiteError: The suite names no folder for recordings, or no such variant.
        HarnessError: The variant cannot be run; nothing is written.
    """
    loaded = load_suite(suite)
    spec = _variant(loaded, variant or loaded.reference)
    if loaded.golden.recorded is None:
        raise SuiteError(
            f"{loaded.path}: there is no folder for recordings",
            hint='add recorded = "recorded" to [golden]',
        )
    source = open_golden(loaded.golden)
    opened = open_variant(loaded, spec, source, "fail")
    predictor = opened.predictor
    if predictor is None or opened.status != "ran":
        reason, _, hint = (opened.reason or "").partition("\nHint: ")
        raise InferenceError(
            f"variant {spec.name!r} cannot be run, so it cannot be recorded: {reason}",
            hint=hint or "record it where its runtime is installed",
        )
    recording = Recording(
        variant=spec.name,
        model_sha256=digest_of_model(spec),
        data_digest=source.digest,
        preprocess_digest=preprocess_digest(preprocess_of(loaded, spec)),
        batch_size=predictor.batch_size,
        runtime=dict(predictor.session.runtime),
    )
    folder = loaded.golden.recorded / spec.name
    try:
        with RecordingWriter(folder, recording) as writer:
            for window in stream(source, predictor, {}, progress):
                writer.append(window.reference)
    finally:
        predictor.close()
    return folder


def _variant(suite: Suite, name: str) -> VariantSpec:
    try:
        return suite.variant(name)
    except KeyError:
        raise SuiteError(
            f"{suite.path}: no variant {name!r}",
            hint=f"variants are {', '.join(v.name for v in suite.variants)}",
        ) from None
