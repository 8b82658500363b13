"""The `quality` fixture: the gate from inside a test of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.results import QualityReport


@dataclass(frozen=True)
class Judged:
    """Two models held against each other.

    Attributes:
        report: The whole record.
    """

    report: QualityReport

    def raise_for_status(self) -> None:
        """Do nothing where the candidate passed.

        Raises:
            QualityRegression: It failed; the message is the whole verdict.
            HarnessError: It could not be judged.
        """
        __tracebackhide__ = True  # pytest shows the line of the test that asked
        from harness.verdicts import raise_for_status

        raise_for_status(self.report)


class Quality:
    """What the fixture hands to a test."""

    def evaluate(self, suite: Path | str) -> QualityReport:
        """Run a suite, see `harness.evaluate`."""
        from harness.pipeline import evaluate

        return evaluate(suite)

    def compare(
        self,
        reference: Path | str,
        candidate: Path | str,
        data: Path | str,
        labels: Path | str | None = None,
        **options: Any,
    ) -> Judged:
        """Hold one model file against another, see `harness.comparison`.

        Args:
            reference: Model file or folder that is right.
            candidate: Model file or folder that is judged.
            data: Golden data, in any of its formats.
            labels: ``.npy`` or ``.npz`` with labels, where the data has none.
            options: What else `harness.comparison` takes: ``kind``, ``preprocess``.
        """
        from harness.pipeline import compare

        return Judged(compare(reference, candidate, data, labels=labels, **options))


@pytest.fixture(scope="session")
def quality() -> Quality:
    """Evaluates suites and compares models: ``quality.compare(a, b, data)``."""
    return Quality()
