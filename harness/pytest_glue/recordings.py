"""One item a suite that keeps recordings: they are sound, or renewed on request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pytest

from harness.core.codec import from_json, to_json
from harness.core.errors import HarnessError
from harness.core.files import write_text
from harness.pytest_glue.messages import in_one_line
from harness.pytest_glue.options import settings_of
from harness.pytest_glue.sharing import shared_folder
from harness.pytest_glue.store import Fault

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from _pytest._code.code import TerminalRepr

    from harness.core.specs import Suite

NAME = "recordings"


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of a suite's recordings.

    Attributes:
        lines: One a recording.
        fault: Why they could not be renewed; None where they were.
    """

    lines: tuple[str, ...] = ()
    fault: Fault | None = None


_RENEWALS = pytest.StashKey[dict[str, Renewal]]()


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
        from harness.pipeline import survey

        if renewal := renew(self.session).get(str(self.suite.path)):
            self.add_report_section("call", NAME, "\n".join(renewal.lines))
            if renewal.fault is not None:
                raise HarnessError(renewal.fault.message, hint=renewal.fault.hint)
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


def renew(session: pytest.Session) -> dict[str, Renewal]:
    """Update the recordings of every suite that asks for it, once a run.

    Whoever is first does it for all of xdist's workers, which wait: none of them reads
    a recording that is half written, or the one that was there before.

    Returns:
        Path of a suite -> what became of its recordings; empty where no update is
        asked for.
    """
    if settings_of(session.config).update is None:
        return {}
    stash = session.config.stash
    if _RENEWALS not in stash:
        folder = shared_folder(session.config)
        stash[_RENEWALS] = (
            _renewed(session) if folder is None else _renewed_once(session, folder)
        )
    return stash[_RENEWALS]


def _renewed_once(session: pytest.Session, folder: Path) -> dict[str, Renewal]:
    from filelock import FileLock

    file = folder / f"{NAME}.json"
    with FileLock(folder / f"{NAME}.lock"):
        if not file.exists():
            write_text(file, json.dumps(to_json(_renewed(session))))
        text = file.read_text(encoding="utf-8")
    return from_json(dict[str, Renewal], json.loads(text), "shared recordings")


def _renewed(session: pytest.Session) -> dict[str, Renewal]:
    items = (item for item in session.items if isinstance(item, RecordingsItem))
    suites = {str(item.suite.path): item.suite for item in items}
    return {path: _renewal(session.config, suites[path]) for path in sorted(suites)}


def _renewal(config: pytest.Config, suite: Suite) -> Renewal:
    from harness.pipeline import update

    asked = settings_of(config)
    try:
        lines = update(suite, new_only=asked.update == "new", reason=asked.reason)
    except HarnessError as error:
        return Renewal(fault=Fault(error.message, error.hint))
    return Renewal(lines)
