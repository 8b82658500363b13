"""How far the evaluation of a suite is, on pytest's terminal."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.pytest_glue.sharing import is_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from harness.core.progress import Progress
    from harness.core.specs import Suite

# A suite that is evaluated within so many seconds leaves pytest's lines alone.
_PATIENCE = 0.5


@contextmanager
def unwatched(suite: Suite) -> Iterator[None]:  # noqa: ARG001 (as its counterpart)
    """Nobody watches."""
    yield None


@contextmanager
def watching(config: pytest.Config, suite: Suite) -> Iterator[Progress | None]:
    """A line under pytest's own on a terminal; none in a pipe, with ``-q``, in xdist.

    Args:
        config: Of the run.
        suite: What is evaluated.
    """
    reporter = _terminal(config)
    if reporter is None:
        yield None
        return
    from harness.report.meter import Meter
    from harness.report.text import duration, one_line

    capture = config.pluginmanager.get_plugin("capturemanager")
    if capture is None:  # -p no:capture
        yield None
        return

    def write(text: str) -> None:
        # Tests run with their output captured, that of the terminal's writer too.
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write(text, flush=True)

    name, begun = one_line(suite.name), time.monotonic()
    meter = Meter(write, f"{name}: golden samples", _PATIENCE)
    try:
        yield meter
    finally:
        if meter.has_shown:
            meter.close()
            write(f"{name}: evaluated in {duration(time.monotonic() - begun)}")
            with capture.global_and_fixture_disabled():
                _resume(reporter, suite)


def _terminal(config: pytest.Config) -> pytest.TerminalReporter | None:
    """Where a person watches; None where nobody does."""
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin(
        "terminalreporter"
    )
    quiet = config.get_verbosity() < 0 or os.environ.get("TERM") == "dumb"
    if reporter is None or is_worker(config) or quiet or not reporter.isatty:
        return None
    return reporter


def _resume(reporter: pytest.TerminalReporter, suite: Suite) -> None:
    """Begin the line anew that pytest had begun, for the answer that is to come.

    With ``-v`` pytest does that by itself.
    """
    if reporter.showfspath and not reporter.showlongtestinfo:
        reporter.write_fspath_result(str(suite.path), "")
