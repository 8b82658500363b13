"""What identifies a whole report: all that a run reads, told without running it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.model_files import model_digest
from harness.cache import key_of
from harness.core.codec import to_json
from harness.core.provenance import digest_of, sha256_of
from harness.pipeline.circumstances import circumstances, installed

if TYPE_CHECKING:
    from harness.core.specs import RunOptions, Suite, VariantSpec


def report_key(suite: Suite, options: RunOptions) -> str | None:
    """The key of a run's report; None where not all that it depends on can be told.

    An endpoint and another interpreter are not ours to know, data behind a URL would
    have to be fetched, and what is found in a limited time is found by chance.
    """
    elsewhere = any(spec.url or spec.interpreter for spec in suite.variants)
    if elsewhere or suite.golden.url or options.budget_seconds is not None:
        return None
    try:
        models = [_model(spec) for spec in suite.variants]
        files = [None if path is None else sha256_of(path) for path in _files(suite)]
    except OSError:
        return None  # the run tells what is wrong
    day = options.today or datetime.now(UTC).date()
    return key_of(
        "reports",
        suite,
        (models, files, _asked(options), day if suite.waivers else None),
        (circumstances(), installed(), Path.cwd()),
    )


def files_of_options(spec: VariantSpec) -> dict[str, str]:
    """Option -> digest of the file that it names, of those that name one.

    Raises:
        OSError: A file cannot be read.
    """
    texts = {k: v for k, v in spec.options.items() if isinstance(v, str) and v}
    places = {name: spec.path.parent / text for name, text in texts.items()}
    return {name: sha256_of(path) for name, path in places.items() if path.is_file()}


def _model(spec: VariantSpec) -> tuple[str, dict[str, str]]:
    return model_digest(spec.path, spec.options), files_of_options(spec)


def _files(suite: Suite) -> tuple[Path | None, ...]:
    golden = suite.golden
    beside = (golden.labels, golden.classes, golden.calibration)
    recorded = golden.recorded
    if recorded is not None and not recorded.is_dir():
        recorded = None
    return golden.data, *beside, recorded, suite.tolerances, suite.waivers


def _asked(options: RunOptions) -> tuple[object, ...]:
    """What changes a report; not who works on it, and where it is kept."""
    baseline = options.baseline and digest_of(to_json(options.baseline))
    plain = replace(
        options,
        baseline=None,
        today=None,
        engine="local",
        workers=None,
        cluster=None,
        cache=None,
        cache_bytes=None,
    )
    return plain, baseline
