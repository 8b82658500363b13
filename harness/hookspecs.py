"""Hooks that a conftest or a plugin may implement to follow quality runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.core.results import QualityReport


@pytest.hookspec
def pytest_quality_report(report: QualityReport) -> None:
    """Called with the finished report of each suite, to post or to keep it.

    Once a suite and run, at the end of the session, after the report's files are
    written. Under xdist only the controller calls it, with the conftest files that
    lie above the given paths.

    Args:
        report: The whole record.
    """
