"""A suite file is a collector, each candidate in it too, each of its checks an item."""

from __future__ import annotations

from fnmatch import fnmatch
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import pytest

from harness.core.errors import HarnessError, QualityRegression
from harness.pytest_glue.answers import facts_of, settle
from harness.pytest_glue.messages import in_one_line
from harness.pytest_glue.options import settings_of
from harness.pytest_glue.recordings import RecordingsItem, renew
from harness.pytest_glue.sharing import is_worker, note_suite
from harness.pytest_glue.store import store_of
from harness.pytest_glue.waivers import WaiversItem
from harness.suite import FILE_PATTERNS, load_suite

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    from _pytest._code.code import TerminalRepr

    from harness.core.specs import Suite, VariantSpec


def suite_file(path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """A collector where the path is a suite file by its name."""
    if not any(fnmatch(path.name, pattern) for pattern in FILE_PATTERNS):
        return None
    note_suite(parent.config)
    return SuiteFile.from_parent(parent, path=path)


class SuiteFile(pytest.File):
    """One ``quality.toml``."""

    def collect(self) -> Iterator[Candidate | RecordingsItem | WaiversItem]:
        """One collector a candidate, and items for its recordings and waivers.

        Raises:
            pytest.Collector.CollectError: The suite file is wrong.
        """
        suite = self._load()
        if is_worker(self.config):
            # With --dist loadgroup one worker gets all items of a suite.
            self.add_marker(pytest.mark.xdist_group(suite.name))
        if suite.golden.recorded is not None:
            yield RecordingsItem.of(self, suite)
        for spec in suite.candidates:
            yield Candidate.of(self, suite, spec)
        if suite.waivers is not None:
            yield WaiversItem.of(self, suite, partial(_asked, self, suite))

    def _load(self) -> Suite:
        try:
            suite = load_suite(self.path)
        except HarnessError as error:
            raise self.CollectError(str(error)) from error
        if not suite.candidates:
            raise self.CollectError(
                f"{self.path} has no variant but its reference {suite.reference!r}\n"
                "Hint: add a [[variant]] that is to be held against it"
            )
        return suite


class Candidate(pytest.Collector):
    """One variant that is judged, with its kind as a marker."""

    suite: Suite
    spec: VariantSpec

    @classmethod
    def of(cls, parent: SuiteFile, suite: Suite, spec: VariantSpec) -> Self:
        """The collector of one variant."""
        node = cls.from_parent(parent, name=spec.name)
        node.suite, node.spec = suite, spec
        node.add_marker("quality")
        node.add_marker(spec.kind)
        return node

    def collect(self) -> Iterator[CheckItem]:
        """One item a check that will be asked of this variant."""
        from harness.pipeline import planned_checks

        held = settings_of(self.config).baseline is not None
        for check in planned_checks(self.suite, self.spec, baseline=held):
            yield CheckItem.of(self, check)


class CheckItem(pytest.Item):
    """One check of one variant."""

    suite: Suite
    spec: VariantSpec

    @classmethod
    def of(cls, parent: Candidate, check: str) -> Self:
        """The item of one check."""
        item = cls.from_parent(parent, name=check)
        item.suite, item.spec = parent.suite, parent.spec
        return item

    def runtest(self) -> None:
        """Look up the answer; the first item that runs evaluates the whole suite.

        Raises:
            QualityRegression: The check failed.
            HarnessError: The check could not be answered.
            pytest.skip.Exception: It need not be.
        """
        renew(self.session)
        report = store_of(self.config).report(self.suite, _asked(self, self.suite))
        variant = report.variant(self.spec.name)
        self.user_properties += facts_of(report, variant, self.name)
        settle(self.suite, report, variant, self.name)

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """The suite file and the line that declares the variant, counted from 0."""
        return self.path, self.spec.line - 1, f"{self.spec.name}: {self.name}"

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> str | TerminalRepr:
        """What was found, in plain lines; a traceback only for a fault of ours."""
        if not isinstance(excinfo.value, (QualityRegression, HarnessError)):
            return super().repr_failure(excinfo, style)
        shown = excinfo.getrepr(style="value", chain=False)
        if shown.reprcrash is not None:
            # What the one-line summary, JUnit and editors show.
            shown.reprcrash.path = str(self.path)
            shown.reprcrash.lineno = self.spec.line
            shown.reprcrash.message = in_one_line(excinfo.value)
        return shown


def _asked(node: pytest.Item | pytest.Collector, suite: Suite) -> tuple[str, ...]:
    """The candidates of a suite that the run asks about; empty for all.

    Who asks about its waivers alone asks about all.
    """
    items = (item for item in node.session.items if isinstance(item, CheckItem))
    asked = {item.spec.name for item in items if item.path == node.path}
    names = [spec.name for spec in suite.candidates]
    return tuple(n for n in names if n in asked) if set() < asked < {*names} else ()
