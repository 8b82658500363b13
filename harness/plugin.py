"""The pytest plugin: suite files are collected, one test item a variant and check.

Hooks parse, delegate and print. Every pytest run of the environment loads this module,
so what only a quality run needs is imported when the first suite file is met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness import hookspecs
from harness.fixtures import quality
from harness.pytest_glue.options import add_markers, add_options, settings_of
from harness.pytest_glue.sharing import met_suite, offer_folder, remove_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["quality"]


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let others implement our hooks."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini keys."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register markers, and complain early about settings."""
    add_markers(config)
    settings_of(config)


def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Collect suite files."""
    # Nearly every project has a pyproject.toml; it must not cost an import.
    if not file_path.name.endswith("quality.toml"):
        return None
    from harness.pytest_glue.collection import suite_file

    return suite_file(file_path, parent)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell xdist's workers where they share results."""
    offer_folder(node)


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Show an undecided check as such; for pytest's exit status it has passed."""
    if report.when != "call" or not report.passed:
        return None
    if ("quality_verdict", "undecided") not in report.user_properties:
        return None
    return "undecided", "u", ("UNDECIDED", {"yellow": True})


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the reports, once a run, and hand them to `pytest_quality_report`."""
    if met_suite(session.config):
        from harness.pytest_glue.closing import publish

        publish(session)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the verdict of each suite and where its report lies."""
    if met_suite(config):
        from harness.pytest_glue.closing import summarize

        summarize(terminalreporter, config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what only lived for this run."""
    remove_folder(config)
