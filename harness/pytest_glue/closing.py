"""The end of a run: report files, the hook, and the summary on the terminal."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.core.errors import ReportError
from harness.core.files import write_text
from harness.pytest_glue.options import settings_of
from harness.pytest_glue.sharing import is_worker
from harness.pytest_glue.store import store_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.core.results import QualityReport
    from harness.pytest_glue.store import Outcome


@dataclass(frozen=True)
class Published:
    """A suite's outcome and what became of its files.

    Attributes:
        outcome: Report or fault.
        html: The report for readers; None where none was written.
        problem: Why that, or the run's place in the history, is missing.
    """

    outcome: Outcome
    html: Path | None = None
    problem: str | None = None


HISTORY = "history.sqlite"
"""Name of the history file in the folder of the reports."""

_PUBLISHED = pytest.StashKey[tuple[Published, ...]]()


def publish(session: pytest.Session) -> None:
    """Write the files of every suite that was evaluated, then call the hook."""
    config = session.config
    if is_worker(config):
        return
    folder = settings_of(config).folder
    outcomes = store_of(config).outcomes()
    pairs = zip(outcomes, _stems(outcomes), strict=True)
    published = tuple(
        _kept(_write(outcome, folder / stem), folder) for outcome, stem in pairs
    )
    config.stash[_PUBLISHED] = published
    if any(item.problem for item in published) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
    for outcome in outcomes:
        if outcome.report is not None:
            config.hook.pytest_quality_report(report=outcome.report)


def summarize(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the verdict of each suite, one line with ``-q``, nothing with ``-qq``."""
    published = config.stash.get(_PUBLISHED, ())
    verbosity = config.get_verbosity()
    if not published or verbosity < -1:
        return
    if verbosity >= 0:
        reporter.write_sep("=", "model quality")
    for item in published:
        _print(reporter, config, item, brief=verbosity < 0)


def _stems(outcomes: Iterable[Outcome]) -> list[str]:
    """File names after the suites; two suites of one name are numbered."""
    from harness.report.text import slug

    stems: list[str] = []
    seen: dict[str, int] = {}
    for outcome in outcomes:
        stem = slug(outcome.report.suite.name) if outcome.report else ""
        seen[stem] = seen.get(stem, 0) + 1
        stems.append(stem if seen[stem] == 1 else f"{stem}-{seen[stem]}")
    return stems


def _write(outcome: Outcome, stem: Path) -> Published:
    if outcome.report is None:
        return Published(outcome)
    from harness.report.html import render_html
    from harness.report.json_ import render_json

    html = stem.with_name(f"{stem.name}.html")
    try:
        # The record goes first: everything else can be made from it again.
        write_text(stem.with_name(f"{stem.name}.json"), render_json(outcome.report))
        write_text(html, render_html(outcome.report))
    except ReportError as error:
        return Published(outcome, problem=str(error))
    return Published(outcome, html)


def _kept(item: Published, folder: Path) -> Published:
    """Add the run to the history of the folder, where its report could be written."""
    if item.outcome.report is None or item.problem is not None:
        return item
    from harness.history.database import History

    try:
        with History(folder / HISTORY, create=True) as history:
            history.add(item.outcome.report)
    except ReportError as error:
        return replace(item, problem=str(error))
    return item


def _print(
    reporter: pytest.TerminalReporter,
    config: pytest.Config,
    item: Published,
    *,
    brief: bool,
) -> None:
    report = item.outcome.report
    if report is None:
        shown = _relative(config, Path(item.outcome.path))
        reporter.write_line(
            f"{shown}: not evaluated, its first failure says why", red=True
        )
        return
    text = _headline(report) if brief else _verdict(reporter, config, report)
    reporter.write_line(text)
    if item.html is not None:
        reporter.write_line(f"report: {_relative(config, item.html)}")
    if item.problem is not None:
        what = "no report" if item.html is None else "not kept"
        reporter.write_line(f"{what}: {item.problem}", red=True)


def _verdict(
    reporter: pytest.TerminalReporter, config: pytest.Config, report: QualityReport
) -> str:
    from harness.report.terminal import render_terminal

    width = config.get_terminal_writer().fullwidth
    return render_terminal(report, colour=reporter.hasmarkup, width=width)


def _headline(report: QualityReport) -> str:
    from harness.report.states import headline

    return f"{report.suite.name}: {headline(report)}"


def _relative(config: pytest.Config, path: Path) -> str:
    """As seen from where the user stands, where that is shorter."""
    shown = os.path.relpath(path, config.invocation_params.dir)
    return str(path) if shown.startswith("..") else shown
