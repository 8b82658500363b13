"""The door to `evaluate`: a run in which nothing changed is told from the cache.

What runs models is imported behind it, where something has to be run.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.core.provenance import git_commit
from harness.core.remembered import remembering
from harness.core.results import QualityReport
from harness.core.specs import RunOptions, Suite
from harness.pipeline.cache import cache_of
from harness.suite import load_suite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.pipeline.cache import Cache

# How variants stand that would stand so again.
_SOUND = frozenset({"ran", "replayed", "skipped"})


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
    if (cache := cache_of(options)) is None:
        from harness.pipeline.evaluation import evaluate as run

        return run(suite, options, progress)
    return _answered(suite, options, progress, cache)


def _answered(
    suite: Suite,
    options: RunOptions,
    progress: Callable[[int, int], None] | None,
    cache: Cache,
) -> QualityReport:
    from harness.pipeline.report_key import report_key

    started = datetime.now(UTC)
    with remembering(cache.files):
        key = report_key(suite, options)
        kept = cache.recall(key, QualityReport)
        if kept is not None:
            return _again(kept, suite, started)
        from harness.pipeline.evaluation import evaluate as run

        report = run(suite, options, progress, cache)
        if cache.repeatable and all(v.status in _SOUND for v in report.variants):
            cache.keep(key, report)
    return replace(report, notices=(*report.notices, *cache.notices()))


def _again(report: QualityReport, suite: Suite, started: datetime) -> QualityReport:
    """A report of then, told now."""
    told = {
        **report.provenance,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        "git_commit": git_commit(suite.path.parent),
        "cache": f"everything, as computed at {report.provenance['started']}",
    }
    return replace(report, provenance=told)
