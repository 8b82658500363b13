"""Rules of every test run in this repository."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

pytest_plugins = ["pytester"]

R = TypeVar("R", pytest.TestReport, pytest.CollectReport)


# Outermost, so that it sees what the xfail and skip machinery made of the report.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    """In CI, a skipped test is a failure: nothing may be left out unseen."""
    return refuse_skip((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[
    None, pytest.CollectReport, pytest.CollectReport
]:
    """The same for modules that are skipped while they are collected."""
    return refuse_skip((yield))


def refuse_skip(report: R) -> R:
    """Turn a skip into a failure that says the skip's reason, where CI is set."""
    expected = hasattr(report, "wasxfail")
    if not in_ci() or not report.skipped or expected:
        return report
    path, line, reason = report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{path}:{line}: in CI a skip is a failure: {reason}"
    return report


def in_ci() -> bool:
    """Whether the environment says that this is CI."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}
