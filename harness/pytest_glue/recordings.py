"""One item a suite that keeps recordings: they are sound, or renewed on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pytest

from harness.core.errors import HarnessError
from harness.pytest_glue.messages import in_one_line
from harness.pytest_glue.options import settings_of

if TYPE_CHECKING:
    import os

    from _pytest._code.code import TerminalRepr

    from harness.core.specs import Suite

NAME = "recordings"


class RecordingsItem(pytest.Item):
    """Missing, unused and tainted recordings fail; ``--quality-update`` mends them."""

    suite: Suite

    @classmethod
    def of(cls, parent: pytest.Collector, suite: Suite) -> Self:
        """The item of one suite."""
        item = cls.from_parent(parent, name=NAME)
        item.suite = suite
        item.add_marker("quality")
        return item

    def runtest(self) -> None:
        """Look at every recording, after an update where one is asked for.

        Raises:
            HarnessError: A recording is missing, unused or tainted, or would change
                without a reason.
        """
        from harness.pipeline import survey, update

        asked = settings_of(self.config)
        if asked.update is not None:
            lines = update(
                self.suite, new_only=asked.update == "new", reason=asked.reason
            )
            self.add_report_section("call", NAME, "\n".join(lines))
        wrong = [entry for entry in survey(self.suite) if entry.mend]
        if wrong:
            raise HarnessError(
                "\n".join(f"{entry.condition}: {entry.reason}" for entry in wrong),
                hint="; ".join(entry.mend for entry in wrong)
                + "; or all of them: pytest --quality-update --quality-reason TEXT",
            )

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """The suite file."""
        return self.path, 0, f"{self.suite.name}: {NAME}"

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> str | TerminalRepr:
        """What is wrong, and what mends it; a traceback only for a fault of ours."""
        if not isinstance(excinfo.value, HarnessError):
            return super().repr_failure(excinfo, style)
        shown = excinfo.getrepr(style="value", chain=False)
        if shown.reprcrash is not None:
            shown.reprcrash.path = str(self.path)
            shown.reprcrash.lineno = 1
            shown.reprcrash.message = in_one_line(excinfo.value)
        return shown
