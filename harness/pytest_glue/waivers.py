"""One item a suite with waivers: none of them has expired, and each is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from harness.core.errors import HarnessError, QualityRegression
from harness.pytest_glue.messages import in_one_line
from harness.pytest_glue.recordings import renew
from harness.pytest_glue.store import store_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from _pytest._code.code import TerminalRepr

    from harness.core.specs import Suite

NAME = "waivers"


class WaiversItem(pytest.Item):
    """Expired and unused waivers fail, with the line that declares them."""

    suite: Suite
    asked: Callable[[], tuple[str, ...]]
    line: int

    @classmethod
    def of(
        cls,
        parent: pytest.Collector,
        suite: Suite,
        asked: Callable[[], tuple[str, ...]],
    ) -> Self:
        """The item of one suite.

        Args:
            parent: Its collector.
            suite: The suite.
            asked: Tells the candidates that the run asks about; empty for all.
        """
        item = cls.from_parent(parent, name=NAME)
        item.suite, item.asked, item.line = suite, asked, 1
        item.add_marker("quality")
        return item

    def runtest(self) -> None:
        """Look at what became of each waiver.

        Raises:
            QualityRegression: One has expired, or nothing needs it.
            HarnessError: The suite could not be evaluated.
        """
        from harness.report import waivers

        renew(self.session)
        report = store_of(self.config).report(self.suite, self.asked())
        stale = waivers.stale(report)
        if stale:
            self.line = stale[0].waiver.line
            name = Path(self._file()).name
            lines = (f"{name}: {waivers.told(use)}" for use in stale)
            raise QualityRegression("\n".join(lines))

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """The file of waivers."""
        return self._file(), 0, f"{self.suite.name}: {NAME}"

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> str | TerminalRepr:
        """Which waiver, and what to do; a traceback only for a fault of ours."""
        if not isinstance(excinfo.value, (QualityRegression, HarnessError)):
            return super().repr_failure(excinfo, style)
        shown = excinfo.getrepr(style="value", chain=False)
        if shown.reprcrash is not None:
            shown.reprcrash.path = str(self._file())
            shown.reprcrash.lineno = self.line
            shown.reprcrash.message = in_one_line(excinfo.value)
        return shown

    def _file(self) -> os.PathLike[str]:
        return self.suite.waivers or self.path
