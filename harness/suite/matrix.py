"""``[variant.matrix]``: ways to run a variant that must not change its answers."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from harness.core.specs import MatrixSpec

if TYPE_CHECKING:
    from harness.suite.table import Table

_LEVELS = ("disable", "basic", "extended", "layout", "all")


def read_matrix(variant: Table) -> MatrixSpec | None:
    """The table of a variant; None where it has none.

    Raises:
        SuiteError: A key is unknown, a value is wrong, or nothing is asked for.
    """
    if "matrix" not in variant.names():
        return None
    table = variant.table("matrix")
    table.allow(f.name for f in fields(MatrixSpec))
    if not table.names():
        allowed = 'at least one way: levels = ["disable", "all"], batch_sizes = [1]'
        variant.refuse("matrix", {}, allowed)
    return MatrixSpec(
        levels=_names(table, "levels", _LEVELS),
        providers=_names(table, "providers"),
        threads=_counts(table, "threads"),
        batch_sizes=_counts(table, "batch_sizes"),
    )


def _names(
    table: Table, key: str, allowed: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    values = _items(table, key)
    names = tuple(value for value in values if isinstance(value, str) and value)
    known = allowed is None or set(names) <= set(allowed)
    if len(names) < len(values) or not known:
        of = f" among {', '.join(allowed)}" if allowed else ""
        table.refuse(key, table.value(key), f"a list of names{of}")
    return names


def _counts(table: Table, key: str) -> tuple[int, ...]:
    values = _items(table, key)
    counts = tuple(value for value in values if type(value) is int and value > 0)
    if len(counts) < len(values):
        table.refuse(key, table.value(key), "a list of whole numbers from 1")
    return counts


def _items(table: Table, key: str) -> list[object]:
    if key not in table.names():
        return []
    value = table.value(key)
    if not isinstance(value, list) or not value:
        table.refuse(key, value, "a list that is not empty")
    return value
