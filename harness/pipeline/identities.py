"""What identifies a variant's answers: all that they depend on."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from harness.backends.detect import backend_for
from harness.backends.model_files import model_digest
from harness.backends.table import BACKENDS
from harness.cache import key_of, plain
from harness.core.errors import HarnessError
from harness.core.protocols import SpannedSource
from harness.core.provenance import digest_of, sha256_of
from harness.core.specs import TASKS
from harness.pipeline.circumstances import backend_versions, circumstances, installed
from harness.pipeline.opening import preprocess_of, recording_of
from harness.pipeline.report_key import files_of_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import GoldenSource
    from harness.core.specs import Suite, VariantSpec

# Backends that hold their runtime to one thread, or to as many as are asked for.
_HELD = frozenset(
    {"keras", "litert", "onnxruntime", "opencv", "openvino", "tensorflow", "torch"}
)


def identity_of(suite: Suite, spec: VariantSpec, source: GoldenSource) -> str | None:
    """A digest of all that a variant's answers depend on, data aside.

    None where that cannot be told: what an endpoint runs, or another interpreter, is
    not ours to know.
    """
    if spec.url is not None or spec.interpreter is not None:
        return None
    try:
        backend = spec.backend if spec.backend in BACKENDS else None
        backend = backend or backend_for(spec.path, None)
        model = model_digest(spec.path, spec.options)
        parts = _runtime(suite, spec, backend, source)
        beside = files_of_options(spec)
    except (HarnessError, OSError, KeyError):
        return None
    settings = (
        *(spec.options, spec.batch_size, spec.batch_axis, spec.inputs, spec.env),
        *(spec.isolation, preprocess_of(suite, spec)),
    )
    fed = [(one.name, one.dtype, one.shape and one.shape[1:]) for one in source.inputs]
    around = circumstances(cores=backend not in _HELD or _is_loose(spec))
    return digest_of(plain([model, beside, parts, settings, fed, around]))


def _is_loose(spec: VariantSpec) -> bool:
    """Whether a runtime may choose its threads: they decide how sums are cut."""
    counts = [value for name, value in spec.options.items() if "threads" in name]
    return "config" in spec.options or not all(counts)


def _runtime(
    suite: Suite, spec: VariantSpec, backend: str, source: GoldenSource
) -> object:
    """Who answers: a backend, or a recording where the backend is not installed."""
    entry = BACKENDS.entry(backend)
    folder = recording_of(suite, spec) if entry.missing() else None
    # A recording of other data is no answer.
    recorded = None if folder is None else (sha256_of(folder), source.digest)
    return backend, spec.backend, backend_versions(entry), recorded


class Parts:
    """Keys of what is known of parts of the golden data.

    Args:
        suite: What is run.
        source: The golden data.
    """

    def __init__(self, suite: Suite, source: GoldenSource) -> None:
        plain_task = suite.task in TASKS
        scored = (suite.task, suite.task_options, suite.slices, suite.min_slice)
        data = (suite.golden.metadata, suite.golden.group, source.class_names)
        # What another package scores with may change with any package.
        others = () if plain_task else installed()
        self._scoring = digest_of(plain([scored, data, others]))
        self._digest = _digests_of(source)

    def answers(self, identity: str, rows: slice) -> str:
        """Of what a variant answered."""
        return key_of("answers", identity, self._digest(rows))

    def state(self, rows: int, span: slice, *parts: object) -> str:
        """Of a state of metrics over windows of so many rows."""
        return key_of("states", self._scoring, self._digest(span), rows, parts)


def _digests_of(source: GoldenSource) -> Callable[[slice], str]:
    """What identifies a part of golden data, its place among them included."""
    spanned = source if isinstance(source, SpannedSource) else None

    # Every variant asks about the same part.
    @lru_cache(maxsize=1024)
    def found(start: int, stop: int) -> str:
        if spanned is not None:
            return spanned.span_digest(slice(start, stop))
        return digest_of([source.digest, start, stop])

    return lambda span: found(span.start, span.stop)
