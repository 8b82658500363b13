"""What a task is: it sees both sides' answers and the truth, and says how well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from harness.comparison.batch import ComparisonBatch
    from harness.core.results import TaskComparison


class Task(Protocol):
    """Streams both sides' answers into a `TaskComparison`; one a candidate.

    The result depends neither on how samples were split into batches nor on the order
    of merging, but for the last bits of floating-point sums.
    """

    def update(self, batch: ComparisonBatch) -> None:
        """Take in one batch.

        Raises:
            ComparisonError: Outputs or targets are not what the task needs.
        """
        ...

    def merge(self, other: Self) -> None:
        """Take in all that another task with the same options has seen."""
        ...

    def result(self) -> TaskComparison | None:
        """The comparison over all that was seen; None where there is none to make."""
        ...


TaskFactory: TypeAlias = Callable[
    [Mapping[str, object], "Sequence[str] | None"], "Task"
]
"""``make(options, class_names)``: raises SuiteError (options)."""
