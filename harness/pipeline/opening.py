"""Variants of a suite -> predictors: what can run runs, what was recorded is replayed.

A variant whose runtime is missing and that was not recorded is skipped with the
command that installs it; one that cannot be loaded is an error. Neither is passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness.backends.detect import detect
from harness.backends.table import BACKENDS
from harness.core.errors import (
    ChecksumError,
    HarnessError,
    MissingDependencyError,
    SuiteError,
)
from harness.core.provenance import sha256_of
from harness.golden.preprocess import prepare, preprocess_digest
from harness.run import Predictor, bind_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import GoldenSource, Session
    from harness.core.results import Status
    from harness.core.specs import Missing, Preprocess, Suite, VariantSpec

DEFAULT_BATCH_SIZE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A variant, ready to run or with the reason why not.

    Attributes:
        spec: As the suite declares it.
        backend: Name of the backend that runs it, or would.
        status: ran or replayed where `predictor` is there.
        reason: Why it does not run plainly.
        predictor: Answers for it.
    """

    spec: VariantSpec
    backend: str | None
    status: Status
    reason: str | None = None
    predictor: Predictor | None = None


def open_variant(
    suite: Suite, spec: VariantSpec, source: GoldenSource, missing: Missing
) -> Opened:
    """Open one variant.

    Raises:
        SuiteError: The suite declares what the model or the backend does not know.
    """
    backend = spec.backend
    try:
        backend = backend or detect(spec.path)
        return _open_live(suite, spec, source, backend)
    except MissingDependencyError as error:
        return _open_recorded(suite, spec, source, missing, (backend, error))
    except SuiteError:
        raise
    except HarnessError as error:
        return Opened(spec, backend, "error", str(error))


def preprocess_of(suite: Suite, spec: VariantSpec) -> Preprocess:
    """The variant's own preprocessing, else the golden data's."""
    return suite.golden.preprocess if spec.preprocess is None else spec.preprocess


def predictor_for(
    suite: Suite, spec: VariantSpec, source: GoldenSource, session: Session
) -> Predictor:
    """A predictor over a live session, fed as the variant declares.

    Raises:
        SuiteError: Golden inputs and model inputs cannot be paired, or the model has
            another batch size than the suite declares.
    """
    bound = bind_inputs(source.inputs, session.inputs, spec.inputs, spec.name)
    feed = partial(prepare, preprocess=preprocess_of(suite, spec))
    own = session.batch_size
    if own is not None and spec.batch_size not in (None, own):
        raise SuiteError(
            f"variant {spec.name!r}: batch_size is {spec.batch_size}, but the model"
            f" takes {own} samples at a time",
            hint=f"leave batch_size out, or declare {own}",
        )
    size = spec.batch_size or DEFAULT_BATCH_SIZE
    return Predictor(spec.name, session, bound, feed, size)


def _open_live(
    suite: Suite, spec: VariantSpec, source: GoldenSource, backend: str
) -> Opened:
    if backend not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise SuiteError(
            f"variant {spec.name!r}: no backend {backend!r}",
            hint=f"known backends are {known}",
        )
    session = BACKENDS.get(backend)(spec.path, spec.options)
    try:
        predictor = predictor_for(suite, spec, source, session)
    except HarnessError:
        session.close()
        raise
    status: Status = "replayed" if backend == "replay" else "ran"
    return Opened(spec, backend, status, None, predictor)


def _open_recorded(
    suite: Suite,
    spec: VariantSpec,
    source: GoldenSource,
    missing: Missing,
    failed: tuple[str | None, MissingDependencyError],
) -> Opened:
    backend, error = failed
    folder = recording_of(suite, spec)
    if folder is None:
        status: Status = "skipped" if missing == "skip" else "error"
        return Opened(spec, backend, status, str(error))
    try:
        session = BACKENDS.get("replay")(folder, {})
        _verify_recording(session.runtime, suite, spec, source)
    except HarnessError as failure:
        return Opened(spec, backend, "error", str(failure))
    feed = partial(prepare, preprocess=preprocess_of(suite, spec))
    predictor = Predictor(spec.name, session, {}, feed, DEFAULT_BATCH_SIZE)
    return Opened(spec, "replay", "replayed", error.message, predictor)


def recording_of(suite: Suite, spec: VariantSpec) -> Path | None:
    """The folder of the variant's recorded outputs, None when there is none."""
    if suite.golden.recorded is None:
        return None
    folder = suite.golden.recorded / spec.name
    return folder if folder.is_dir() else None


def _verify_recording(
    recorded: Mapping[str, object],
    suite: Suite,
    spec: VariantSpec,
    source: GoldenSource,
) -> None:
    """A recording of another model, other data or other preprocessing is no answer."""
    current = {
        "data_digest": source.digest,
        "preprocess_digest": preprocess_digest(preprocess_of(suite, spec)),
    }
    if spec.path.exists():
        current["model_sha256"] = sha256_of(spec.path)
    for key, value in current.items():
        if recorded.get(key) != value:
            raise ChecksumError(
                f"variant {spec.name!r}: its recorded outputs were made with"
                f" {key} {str(recorded.get(key))[:12]}, now it is {value[:12]}",
                hint=f"record again where its runtime is: harness record {suite.path}",
            )
