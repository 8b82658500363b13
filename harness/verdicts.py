"""A report's verdict as an exception, for those who call the harness from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import HarnessError, QualityRegression

if TYPE_CHECKING:
    from harness.core.results import QualityReport

WIDTH = 80


def raise_for_status(report: QualityReport) -> None:
    """Do nothing where the verdict is passed, or undecided in a suite that allows it.

    Args:
        report: A finished run.

    Raises:
        QualityRegression: A candidate failed; the message is the whole verdict.
        HarnessError: A candidate could not be judged; likewise.
    """
    __tracebackhide__ = True  # pytest shows the line of the test that asked
    if report.verdict not in {"failed", "error"}:
        return
    from harness.report.states import headline
    from harness.report.terminal import render_terminal

    verdict = render_terminal(report, colour=False, width=WIDTH)
    text = f"{headline(report)}\n\n{verdict}"
    if report.verdict == "failed":
        raise QualityRegression(text)
    raise HarnessError(text, hint="mend what is named above, then run again")
