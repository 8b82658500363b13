"""Reads what a suite is judged by: its task, its slices, its limits."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from harness.core.entry_points import offered
from harness.core.specs import TASKS, GateSpec, SliceSpec, Task

if TYPE_CHECKING:
    from harness.suite.table import Table

# Limits that are shares; the others are tolerances or decibels.
_SHARES = frozenset(
    {"max_mismatched", "min_top1_agreement", "max_accuracy_drop", "max_recall_drop"}
)
# Limits on decisions, which only a task that decides for one class has.
_DECISIONS = frozenset({"min_top1_agreement", "max_accuracy_drop", "max_recall_drop"})


def read_task(head: Table) -> Task:
    """The suite's task: one that is built in, or one that a package adds."""
    theirs, _ = offered("harness.tasks", "task", TASKS)
    known = sorted({*TASKS, *theirs})
    allowed = f"one of {', '.join(known)}"
    if "task" not in head.names():
        head.missing("task", allowed)
    task = head.value("task")
    if not isinstance(task, str) or task not in known:
        head.refuse("task", task, allowed)
    return task


def read_slices(root: Table) -> tuple[SliceSpec, ...]:
    """The parts of the data that are judged by themselves; none where none are said."""
    if "slice" not in root.names():
        return ()
    slices: list[SliceSpec] = []
    for table in root.tables("slice"):
        table.allow(("name", "where", "by"))
        where, by = table.optional_text("where"), table.labels("by")
        if (where is None) == (not by):
            table.refuse("where", where, "an expression, or none beside columns in by")
        named = "name" in table.names()
        name = table.label("name") if named else where or " x ".join(by)
        if name in {other.name for other in slices}:
            table.refuse("name", name, "a name that no other slice has")
        slices.append(SliceSpec(name, where, by))
    return tuple(slices)


def read_gate(table: Table, task: Task) -> dict[str, float]:
    """Limits that a variant declares, but for those of its task's metrics."""
    table.allow([*(f.name for f in fields(GateSpec)), "max_drop"])
    limits = [name for name in table.names() if name != "max_drop"]
    for name in limits:
        if task != "classification" and name in _DECISIONS:
            allowed = f"no limit on top classes: suite.task = {task!r} has none"
            table.refuse(name, table.value(name), allowed)
    return {name: _limit(table, name) for name in limits}


def read_max_drop(table: Table) -> dict[str, float]:
    """Metric of the task -> most that it may get worse."""
    drops = table.table("max_drop")
    return {name: _limit(drops, name) for name in drops.names()}


def _limit(table: Table, name: str) -> float:
    limit = table.number(name)
    if limit is None or limit < 0:
        table.refuse(name, table.value(name), "a number from 0")
    if name in _SHARES and limit > 1:
        table.refuse(name, limit, "a share from 0 to 1")
    if name in ("alpha", "false_discoveries") and not 0 < limit < 1:
        table.refuse(name, limit, "an error rate between 0 and 1")
    if name == "confidence" and not 0.5 < limit < 1:
        table.refuse(name, limit, "a confidence between 0.5 and 1")
    return limit
