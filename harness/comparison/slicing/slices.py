"""The task once more for every slice of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.comparison.slicing.cutting import Cut, declared_cuts
from harness.core.results import PartComparison
from harness.core.specs import MIN_SLICE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from harness.comparison.batch import ComparisonBatch
    from harness.comparison.tasks.protocol import Task
    from harness.core.results import TaskComparison
    from harness.core.specs import SliceSpec

# A column with more values names samples, and no parts of the data.
MOST_VALUES = 128
_SHOWN = 50
_METRICS = 5
_GROUP = "group"


@dataclass(frozen=True, slots=True)
class Slicing:
    """How the data is cut.

    Attributes:
        declared: What the suite declares.
        plain: Columns that make no slices by themselves; any other does.
        least: Samples of the smallest slice that is judged.
    """

    declared: tuple[SliceSpec, ...] = ()
    plain: tuple[str, ...] = ()
    least: int = MIN_SLICE


class Slices:
    """Streams batches into one task a slice; one a candidate.

    Args:
        slicing: How the data is cut.
        make: Makes a task that has seen nothing.

    Raises:
        SuiteError: An expression cannot be read.
    """

    def __init__(self, slicing: Slicing, make: Callable[[], Task]) -> None:
        self._slicing, self._make = slicing, make
        self._cuts = {cut.name: cut for cut in declared_cuts(slicing.declared)}
        self._tasks: dict[str, dict[str, Task]] = {name: {} for name in self._cuts}
        self._counts: dict[str, dict[str, int]] = {name: {} for name in self._cuts}
        self._dropped: set[str] = set()

    def update(self, batch: ComparisonBatch) -> None:
        """Take in one batch.

        Raises:
            SuiteError: A slice names a column that is not there, or does not fit it.
            ComparisonError: As the task.
        """
        self._discover(batch.metadata)
        for name, cut in self._cuts.items():
            if name in self._dropped:
                continue
            for value, mask in cut.masks(batch):
                n = int(mask.sum())
                counts = self._counts[name]
                counts[value] = counts.get(value, 0) + n
                if n and not self._too_many(name):
                    self._task(name, value).update(batch.where(mask))

    def merge(self, other: Slices) -> None:
        """Take in all that another has seen."""
        for name, cut in other._cuts.items():
            self._begin(cut)
            for value, n in other._counts[name].items():
                self._counts[name][value] = self._counts[name].get(value, 0) + n
            if name in other._dropped or self._too_many(name):
                self._drop(name)
                continue
            for value, task in other._tasks[name].items():
                self._task(name, value).merge(task)

    def result(self) -> tuple[tuple[PartComparison, ...], tuple[str, ...]]:
        """The slices in the order that they are declared in, and what to say."""
        parts: list[PartComparison] = []
        notes = []
        for name in sorted(self._cuts, key=self._place):
            if name in self._dropped:
                notes.append(
                    f"slices by {name}: more than {MOST_VALUES} values, none is looked"
                    " at; cut it with an expression"
                )
                continue
            counts = self._counts[name]
            largest = sorted(counts, key=lambda value: (-counts[value], value))
            parts += [self._part(name, value) for value in sorted(largest[:_SHOWN])]
            if hidden := largest[_SHOWN:]:
                n = sum(counts[value] for value in hidden)
                notes.append(
                    f"slices by {name}: the {_SHOWN} largest; {len(hidden)} more hold"
                    f" {n:,} samples"
                )
        return tuple(parts), tuple(notes)

    def _place(self, name: str) -> tuple[int, str]:
        declared = [one.name for one in self._slicing.declared]
        return (declared.index(name) if name in declared else len(declared), name)

    def _discover(self, columns: Collection[str]) -> None:
        crossed = {column for one in self._slicing.declared for column in one.by}
        plain = {_GROUP, *self._slicing.plain, *crossed}
        for column in sorted(set(columns) - plain - set(self._cuts)):
            self._begin(Cut(column, None, (column,)))

    def _begin(self, cut: Cut) -> None:
        if cut.name not in self._cuts:
            self._cuts[cut.name] = cut
            self._tasks[cut.name] = {}
            self._counts[cut.name] = {}

    def _too_many(self, name: str) -> bool:
        if len(self._counts[name]) > MOST_VALUES:
            self._drop(name)
        return name in self._dropped

    def _drop(self, name: str) -> None:
        self._dropped.add(name)
        self._tasks[name].clear()

    def _task(self, name: str, value: str) -> Task:
        tasks = self._tasks[name]
        if value not in tasks:
            tasks[value] = self._make()
        return tasks[value]

    def _part(self, name: str, value: str) -> PartComparison:
        n = self._counts[name][value]
        task = self._tasks[name].get(value)
        found = task.result() if task is not None else None
        least = self._slicing.least
        few = f"{n:,} samples, fewer than {least:,}" if n < least else None
        return _part(value, n, found, few)


def _part(
    name: str, n: int, found: TaskComparison | None, unjudged: str | None
) -> PartComparison:
    if found is None:
        return PartComparison(name, n, (), unjudged=unjudged or "nothing to judge")
    return PartComparison(
        name,
        n,
        found.metrics[:_METRICS],
        n_regressed=found.n_regressed,
        n_improved=found.n_improved,
        group_losses=found.group_losses,
        unjudged=unjudged,
    )
