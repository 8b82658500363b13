"""Every suite is evaluated once a run, by whoever asks first."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from harness.core.codec import from_json, to_json
from harness.core.errors import HarnessError
from harness.core.files import write_text
from harness.core.results import QualityReport  # noqa: TC001 (the codec resolves it)
from harness.core.specs import RunOptions
from harness.pytest_glue.options import settings_of
from harness.pytest_glue.sharing import SUFFIX, shared_folder
from harness.pytest_glue.watching import unwatched, watching

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from harness.core.progress import Progress
    from harness.core.specs import Suite


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a suite could not be evaluated."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What evaluating a suite came to: a report or a fault.

    Attributes:
        path: The suite file, absolute.
        report: None where evaluating failed.
        fault: None where it did not.
    """

    path: str
    report: QualityReport | None = None
    fault: Fault | None = None

    def unwrap(self) -> QualityReport:
        """The report.

        Raises:
            HarnessError: There is none.
        """
        if self.report is None:
            assert self.fault is not None  # one of the two is always there
            raise HarnessError(self.fault.message, hint=self.fault.hint)
        return self.report


class Store:
    """Outcomes of this run, by suite.

    Args:
        options: How suites are run; ``only`` is set anew for each.
        folder: Shared with other processes of the run; None keeps all in memory.
        baseline: Report of the accepted release, or a folder of such.
        watched: Gives what is told how far a suite's evaluation is.
    """

    def __init__(
        self,
        options: RunOptions,
        folder: Path | None,
        baseline: Path | None = None,
        watched: Callable[[Suite], AbstractContextManager[Progress | None]] = unwatched,
    ) -> None:
        self._options = options
        self._watched = watched
        self._baseline = baseline
        self._folder = folder
        self._outcomes: dict[str, Outcome] = {}

    def report(self, suite: Suite, only: tuple[str, ...]) -> QualityReport:
        """The report of a suite, evaluated at the first call of the run.

        Args:
            suite: The suite.
            only: Candidates that the run asks about; empty for all. Every caller of
                a run must name the same.

        Raises:
            HarnessError: The suite could not be evaluated, here or elsewhere.
        """
        key = str(suite.path)
        if key not in self._outcomes:
            run = self._evaluate if self._folder is None else self._evaluate_locked
            run(suite, only)
        return self._outcomes[key].unwrap()

    def outcomes(self) -> tuple[Outcome, ...]:
        """What the run has come to so far, sorted by path."""
        found = dict(self._outcomes)
        if self._folder is not None:
            shared = map(_load, self._folder.glob(f"*{SUFFIX}"))
            found.update((outcome.path, outcome) for outcome in shared)
        return tuple(found[key] for key in sorted(found))

    def _evaluate_locked(self, suite: Suite, only: tuple[str, ...]) -> None:
        from filelock import FileLock

        assert self._folder is not None  # the caller looked
        name = hashlib.sha256(str(suite.path).encode()).hexdigest()[:16]
        file = self._folder / f"{name}{SUFFIX}"
        with FileLock(self._folder / f"{name}.lock"):
            if file.exists():
                self._outcomes[str(suite.path)] = _load(file)
                return
            try:
                self._evaluate(suite, only)
            finally:
                if outcome := self._outcomes.get(str(suite.path)):
                    write_text(file, json.dumps(to_json(outcome)))

    def _evaluate(self, suite: Suite, only: tuple[str, ...]) -> None:
        from harness.pipeline import evaluate

        path = str(suite.path)
        try:
            options = self._run_options(suite, only)
            with warnings.catch_warnings(), self._watched(suite) as progress:
                # A runtime that warns is no failure of the model, whatever -W says.
                warnings.simplefilter("default")
                report = evaluate(suite, options, progress)
                self._outcomes[path] = Outcome(path, report)
        except HarnessError as error:
            self._outcomes[path] = Outcome(path, fault=Fault(error.message, error.hint))
        except Exception as error:
            # A fault of ours: whoever met it shows the traceback, the rest say where.
            message = f"evaluating {path} broke: {type(error).__name__}: {error}"
            hint = "the first failure of this suite in this run shows the traceback"
            self._outcomes[path] = Outcome(path, fault=Fault(message, hint))
            raise

    def _run_options(self, suite: Suite, only: tuple[str, ...]) -> RunOptions:
        options = replace(self._options, only=only)
        if self._baseline is None:
            return options
        from harness.baselines import read_baseline

        return replace(options, baseline=read_baseline(self._baseline, suite.name))


def _load(file: Path) -> Outcome:
    text = file.read_text(encoding="utf-8")
    return from_json(Outcome, json.loads(text), "shared outcome")


_STORE = pytest.StashKey[Store]()


def store_of(config: pytest.Config) -> Store:
    """The store of this run, made at the first call."""
    if _STORE not in config.stash:
        settings = settings_of(config)
        options = RunOptions(
            missing=settings.missing,
            engine=settings.engine,
            workers=settings.workers,
            cluster=settings.cluster,
            cache=settings.cache,
            cache_bytes=settings.cache_bytes,
            budget_seconds=settings.budget_seconds,
        )
        watched = partial(watching, config)
        store = Store(options, shared_folder(config), settings.baseline, watched)
        config.stash[_STORE] = store
    return config.stash[_STORE]
