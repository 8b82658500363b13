"""Variants of a suite -> predictors: what can run runs, what was recorded is replayed.

A variant whose runtime is missing and that was not recorded is skipped with the
command that installs it; one that cannot be loaded is an error. Neither is passed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from harness.backends.detect import backend_for
from harness.backends.model_files import model_digest, model_files
from harness.backends.table import BACKENDS
from harness.core.errors import (
    ChecksumError,
    HarnessError,
    MissingDependencyError,
    SuiteError,
    WorkerCrashed,
    WorkerTimeout,
)
from harness.core.provenance import digest_of
from harness.golden.preprocess import prepare, prepared_rank, preprocess_digest
from harness.golden.schema import RECORDING, Recording, read_record
from harness.run import Predictor, bind_inputs, find_axes, sample_first
from harness.run.isolation import Launch, start

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import GoldenSource, Session
    from harness.core.results import Status
    from harness.core.specs import Isolation, Missing, Preprocess, Suite, VariantSpec
    from harness.run import RunFacts
    from harness.run.isolation import Starting

DEFAULT_BATCH_SIZE = 32
# Backends whose sessions know nothing of each other and wait without the interpreter's
# lock: onnxruntime computes, an endpoint is waited for.
_BESIDE = frozenset({"kserve", "onnxruntime", "tfserving"})


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """How a variant stands, wherever it is run: ready, or the reason why not.

    Attributes:
        name: Of the variant.
        backend: Name of the backend that runs it, or would.
        status: ran or replayed where `facts` are there.
        reason: Why it does not run plainly.
        facts: What is known of it once it is loaded.
    """

    name: str
    backend: str | None
    status: Status
    reason: str | None = None
    facts: RunFacts | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A variant that was opened here.

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

    @property
    def standing(self) -> Standing:
        """The same, for those who do not run it."""
        facts = self.predictor.facts if self.predictor else None
        told = self.spec.name, self.backend, self.status, self.reason
        return Standing(*told, facts)


class Opening:
    """A variant on its way: what has a process of its own loads while others do.

    Args:
        spec: As the suite declares it.

    Attributes:
        backend: Name of its backend, None where nobody knows the file.
    """

    def __init__(self, spec: VariantSpec) -> None:
        self.backend = spec.backend
        self._spec = spec
        self._starting: Starting | None = None
        self._error: HarnessError | None = None
        try:
            named = spec.backend and self._known(spec.backend)
            if named and not spec.interpreter:
                # Told first: a recording may stand in, whatever the file is.
                BACKENDS.require(named)
            told = named if spec.url else None
            self.backend = told or self._known(backend_for(spec.path, named))
            # A recording is read by us, and an endpoint runs elsewhere: neither has
            # anything here that could crash.
            ours = self.backend == "replay" or spec.url is not None
            if spec.isolation == "process" and not ours:
                # Another interpreter has packages of its own, and tells of them.
                known = BACKENDS.entry if spec.interpreter else BACKENDS.require
                backend = (self.backend, known(self.backend))
                self._starting = start(launch(spec), backend, spec.path, spec.options)
        except HarnessError as error:
            self._error = error

    def session(self) -> Session:
        """The loaded model.

        Raises:
            SuiteError: The suite declares what the backend does not know.
            BackendError: The model cannot be run.
        """
        if self._error is not None:
            raise self._error
        if self._starting is not None:
            return self._starting.session()
        assert self.backend is not None  # or there was an error
        return BACKENDS.get(self.backend)(self._spec.target, self._spec.options)

    def close(self) -> None:
        """End its process, where it has one; a second call does nothing."""
        if self._starting is not None:
            self._starting.close()

    def _known(self, backend: str) -> str:
        if backend in BACKENDS:
            return backend
        raise SuiteError(
            f"variant {self._spec.name!r}: no backend {backend!r}",
            hint=f"known backends are {', '.join(BACKENDS)}",
        )


def open_variant(
    suite: Suite,
    spec: VariantSpec,
    source: GoldenSource,
    missing: Missing,
    opening: Opening | None = None,
) -> Opened:
    """Open one variant.

    Args:
        suite: What was asked.
        spec: The variant.
        source: The golden data.
        missing: What becomes of a variant whose runtime is not installed.
        opening: Where it is on its way already.

    Raises:
        SuiteError: The suite declares what the model or the backend does not know.
    """
    opening = opening or Opening(spec)
    try:
        return _open_live(suite, spec, source, opening)
    except MissingDependencyError as error:
        failed = (opening.backend, error)
        return _open_recorded(suite, spec, source, missing, failed)
    except SuiteError:
        raise
    except HarnessError as error:
        return Opened(spec, opening.backend, status_of(error), str(error))


def launch(spec: VariantSpec) -> Launch:
    """How the process of a variant is started."""
    return Launch(
        name=spec.name,
        interpreter=spec.interpreter,
        timeout=spec.timeout,
        load_timeout=spec.load_timeout,
        memory=spec.memory,
        env=spec.env,
    )


def isolated(suite: Suite, isolation: Isolation | None) -> Suite:
    """The suite with every variant's isolation overridden; None leaves it.

    A variant with an interpreter of its own cannot run in our process.
    """
    if isolation is None:
        return suite
    return replace(
        suite,
        variants=tuple(
            spec if spec.interpreter else replace(spec, isolation=isolation)
            for spec in suite.variants
        ),
    )


def status_of(error: HarnessError) -> Status:
    """What a failure makes of a variant."""
    if isinstance(error, WorkerTimeout):
        return "timeout"
    return "crashed" if isinstance(error, WorkerCrashed) else "error"


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
    preprocess = preprocess_of(suite, spec)
    feed = partial(prepare, preprocess=preprocess)
    ranks = {
        bound[array.name]: prepared_rank(len(array.shape or ()), preprocess)
        for array in source.inputs
        if array.name in bound
    }
    try:
        axes = find_axes(session, ranks, spec.batch_axis, spec.batch_size)
    except SuiteError as error:
        raise SuiteError(
            f"variant {spec.name!r}: {error.message}", hint=error.hint
        ) from error
    session = sample_first(session, axes)
    own = session.batch_size
    if own is not None and spec.batch_size not in (None, own):
        raise SuiteError(
            f"variant {spec.name!r}: batch_size is {spec.batch_size}, but the model"
            f" takes {own} samples at a time",
            hint=f"leave batch_size out, or declare {own}",
        )
    size = spec.batch_size or DEFAULT_BATCH_SIZE
    beside = session.runtime.get("backend") in _BESIDE
    return Predictor(spec.name, session, bound, feed, size, beside=beside)


def _open_live(
    suite: Suite, spec: VariantSpec, source: GoldenSource, opening: Opening
) -> Opened:
    session = opening.session()
    try:
        predictor = predictor_for(suite, spec, source, session)
    except HarnessError:
        session.close()
        raise
    status: Status = "replayed" if opening.backend == "replay" else "ran"
    return Opened(spec, opening.backend, status, None, predictor)


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
        _verify_recording(folder, suite, spec, source)
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


def digest_of_model(spec: VariantSpec) -> str:
    """sha256 over the model's bytes; of an endpoint, over its URL.

    Raises:
        OSError: The file cannot be read.
    """
    if spec.url is not None:
        return digest_of(spec.url)
    return model_digest(spec.path, spec.options)


def staleness(
    recording: Recording, suite: Suite, spec: VariantSpec, source: GoldenSource
) -> str | None:
    """Why a recording is no answer of this variant on these data; None where it is."""
    current = {
        "data_digest": source.digest,
        "preprocess_digest": preprocess_digest(preprocess_of(suite, spec)),
    }
    if spec.url is not None or model_files(spec.path, spec.options):
        current["model_sha256"] = digest_of_model(spec)
    for key, value in current.items():
        recorded = str(getattr(recording, key))
        if recorded != value:
            return (
                f"variant {spec.name!r}: its recorded outputs were made with"
                f" {key} {recorded[:12]}, now it is {value[:12]}"
            )
    return None


def _verify_recording(
    folder: Path, suite: Suite, spec: VariantSpec, source: GoldenSource
) -> None:
    """A recording of another model, other data or other preprocessing is no answer."""
    recording = read_record(folder / RECORDING, Recording)
    if stale := staleness(recording, suite, spec, source):
        raise ChecksumError(
            stale,
            hint="record again where its runtime is: harness record"
            f' {suite.path} --variant {spec.name} --reason "..."',
        )
