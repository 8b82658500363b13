"""A task of another package: its mistakes in our words, its answer held to the form."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from harness.core.errors import ComparisonError, HarnessError
from harness.core.results import PartComparison, TaskComparison, TaskMetric

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.comparison.batch import ComparisonBatch
    from harness.comparison.tasks.protocol import Task, TaskFactory

_METHODS = ("update", "merge", "result")
_PROTOCOL = "the protocol is harness.comparison.tasks.protocol.Task: see docs/tasks.md"


class ForeignTask:
    """Stands around a task of another package; see `Task`.

    Args:
        name: As in ``suite.task``.
        distribution: The package that offers it.
        make: Makes one that has seen nothing.
        options: ``[task]`` of the suite.
        class_names: Of the golden data.

    Raises:
        SuiteError: The package refuses an option.
        ComparisonError: It fails otherwise, or makes something that is no task.
    """

    def __init__(
        self,
        name: str,
        distribution: str,
        make: TaskFactory,
        options: Mapping[str, object],
        class_names: Sequence[str] | None,
    ) -> None:
        self._name = name
        self._who = f"task {name!r} of the package {distribution}"
        with self._blamed("when it was made"):
            self._task: Task = make(options, class_names)
        lacks = [m for m in _METHODS if not callable(getattr(self._task, m, None))]
        if lacks:
            raise ComparisonError(
                f"{self._who} makes a {type(self._task).__name__} without"
                f" {' and '.join(lacks)}",
                hint=_PROTOCOL,
            )

    def update(self, batch: ComparisonBatch) -> None:
        """Take in one batch.

        Raises:
            ComparisonError: As the task, or for whatever else it raises.
        """
        with self._blamed(f"on samples {batch.rows.start} to {batch.rows.stop - 1}"):
            self._task.update(batch)

    def merge(self, other: Self) -> None:
        """Take in all that another task with the same options has seen.

        Raises:
            ComparisonError: Whatever the task raises.
        """
        with self._blamed("when parts were merged"):
            self._task.merge(other._task)

    def result(self) -> TaskComparison | None:
        """The comparison over all that was seen, under the suite's name of the task.

        Raises:
            ComparisonError: The task fails, or answers something else.
        """
        with self._blamed("at its result"):
            found: object = self._task.result()
        if found is None:
            return None
        if not isinstance(found, TaskComparison):
            raise self._refused(f"a {type(found).__name__}, no TaskComparison")
        self._count("n", found.n)
        return replace(
            found,
            task=self._name,
            n=int(found.n),
            metrics=self._metrics("metrics", found.metrics),
            per_class=tuple(map(self._part, self._all("per_class", found.per_class))),
            notes=tuple(map(str, self._all("notes", found.notes))),
        )

    def _part(self, part: object) -> PartComparison:
        if not isinstance(part, PartComparison):
            raise self._refused(f"a {type(part).__name__} among per_class")
        self._count(f"per_class {part.name!r}: n", part.n)
        metrics = self._metrics(f"per_class {part.name!r}", part.metrics)
        return replace(part, name=str(part.name), n=int(part.n), metrics=metrics)

    def _metrics(self, where: str, metrics: object) -> tuple[TaskMetric, ...]:
        found = tuple(self._metric(where, one) for one in self._all(where, metrics))
        names = [metric.name for metric in found]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise self._refused(f"the metric {twice[0]!r} more than once in {where}")
        return found

    def _metric(self, where: str, metric: object) -> TaskMetric:
        if not isinstance(metric, TaskMetric):
            raise self._refused(f"a {type(metric).__name__} among {where}")
        if not str(metric.name).isidentifier():
            raise self._refused(f"a metric named {metric.name!r}: no plain word")
        where = f"metric {metric.name!r}"
        self._count(f"{where}: n", metric.n)
        p_value = self._number(f"{where}: p_value", metric.p_value)
        if p_value is not None and not 0 <= p_value <= 1:
            raise self._refused(f"{where}: p_value {p_value}, no chance from 0 to 1")
        return replace(
            metric,
            name=str(metric.name),
            n=int(metric.n),
            reference=self._number(f"{where}: reference", metric.reference),
            candidate=self._number(f"{where}: candidate", metric.candidate),
            interval=self._interval(where, metric.interval),
            p_value=p_value,
        )

    def _interval(self, where: str, interval: object) -> tuple[float, float] | None:
        if interval is None:
            return None
        ends = self._all(f"{where}: interval", interval)
        numbers = [self._number(f"{where}: interval", end) for end in ends]
        low, high = (*numbers, None, None)[:2]
        if len(numbers) != 2 or low is None or high is None or low > high:
            raise self._refused(f"{where}: interval {interval!r}, no low and high")
        return low, high

    def _all(self, where: str, values: object) -> tuple[Any, ...]:
        if not isinstance(values, (tuple, list)):
            raise self._refused(f"{where} as a {type(values).__name__}, no tuple")
        return tuple(values)

    def _number(self, where: str, value: Any) -> float | None:
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._refused(f"{where} {value!r}, no number") from None
        if not math.isfinite(number):
            raise self._refused(f"{where} {number}: None, and why in `unscored`")
        return number

    def _count(self, where: str, value: Any) -> None:
        number = self._number(where, value)
        if number is None or number < 0 or number != int(number):
            raise self._refused(f"{where} {value!r}, no count")

    def _refused(self, what: str) -> ComparisonError:
        return ComparisonError(f"{self._who} answers {what}", hint=_PROTOCOL)

    @contextmanager
    def _blamed(self, when: str) -> Iterator[None]:
        """Whatever another package raises is its mistake, and is told as such."""
        try:
            yield
        except HarnessError:
            raise
        except Exception as error:
            first = str(error).partition("\n")[0]
            raise ComparisonError(
                f"{self._who} failed {when}: {type(error).__name__}: {first}",
                hint="mend the package, or tell whoever maintains it",
            ) from error
