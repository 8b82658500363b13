"""OUT001: the columns of an output stand in another order (labels swapped)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from harness.comparison import distance
from harness.core.results import Where
from harness.diagnose.catalogue import OUTPUTS
from harness.diagnose.edits import Edit, permute_columns
from harness.diagnose.lead import Lead, Statement, lead
from harness.diagnose.prove import PROVEN, prove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray, IntArray
    from harness.core.results import Proof
    from harness.diagnose.context import Context

# The assignment is cubic in the number of columns.
_MOST_COLUMNS = 2048
_NAMED = 6


class OutputOrder:
    """Assigns the candidate's columns to the reference's by their values."""

    cause = OUTPUTS.slug

    def run(self, context: Context) -> Iterator[Lead]:
        """A lead for each output whose columns fit better in another order."""
        for name in sorted(context.reference_outputs.keys()):
            mine = context.reference_outputs[name]
            other = context.candidate_outputs.get(name)
            if other is None or not _is_table(mine) or mine.shape != other.shape:
                continue
            if not (np.isfinite(mine).all() and np.isfinite(other).all()):
                continue
            order = column_order(mine, other)
            if order is not None:
                yield _lead(context, name, order)


def column_order(reference: FloatArray, candidate: FloatArray) -> IntArray | None:
    """The order in which the candidate's columns fit the reference's best.

    Args:
        reference: Shape (n, columns).
        candidate: Likewise.

    Returns:
        ``order`` with ``candidate[:, order]`` nearest to `reference` in mean absolute
        difference; None where the order as it is explains as much. Only cycles that
        halve the error of their own columns are taken: noise swaps columns, too.
    """
    cost = _cost(reference.astype(np.float64), candidate.astype(np.float64))
    _, order = linear_sum_assignment(cost)
    columns = np.arange(len(order))
    kept = columns.copy()
    for cycle in _cycles(order):
        before, after = cost[cycle, cycle].sum(), cost[cycle, order[cycle]].sum()
        if after <= (1 - PROVEN) * before:
            kept[cycle] = order[cycle]
    left, total = cost[columns, kept].sum(), cost[columns, columns].sum()
    moved = bool((kept != columns).any())
    return kept if moved and left <= (1 - PROVEN) * total else None


def _is_table(array: FloatArray) -> bool:
    return (
        array.dtype.kind == "f"
        and array.ndim == 2
        and 2 <= array.shape[1] <= _MOST_COLUMNS
    )


def _cost(reference: FloatArray, candidate: FloatArray) -> FloatArray:
    """Mean |r_i - c_j| over the samples, one sample in memory at a time."""
    cost = np.zeros((reference.shape[1], candidate.shape[1]))
    for mine, other in zip(reference, candidate, strict=True):
        cost += np.abs(mine[:, None] - other)
    return cost / max(len(reference), 1)


def _cycles(order: IntArray) -> list[list[int]]:
    """Cycles of a permutation that move something, each from its smallest column."""
    seen: set[int] = set()
    cycles = []
    for start in range(len(order)):
        cycle, column = [], start
        while column not in seen:
            seen.add(column)
            cycle.append(column)
            column = int(order[column])
        if len(cycle) > 1:
            cycles.append(cycle)
    return cycles


def _lead(context: Context, name: str, order: IntArray) -> Lead:
    told = [_told(context, cycle) for cycle in _cycles(order)]
    more = f", and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    trade = "; ".join(told[:_NAMED]) + more
    said = Statement(
        f"output '{name}': {trade}", "the order that the classes have", trade
    )
    output = _output_name(context, name)
    node = context.candidate.producer(output) if context.candidate and output else None
    where = Where(tensor=output or name)
    if node is not None:
        where = Where(node.label, None, node.op_type, output)
    text = f"reorder the columns of '{output or name}'"
    edit = Edit(text, permute_columns(output, order)) if output else None
    found = lead(context, OUTPUTS, where, said, edit, node.order if node else 0)
    return replace(found, proof=_proof(context, text, name, order))


def _proof(context: Context, text: str, name: str, order: IntArray) -> Proof:
    """What the order explains, from the outputs that are there already."""
    was = context.candidate_outputs
    now = {**was, name: was[name][:, order]}
    before, after = (
        distance(context.reference_outputs, outputs, context.class_names)
        for outputs in (was, now)
    )
    return prove(text, before, after)


def _told(context: Context, cycle: list[int]) -> str:
    names = context.class_names
    shown = [f"'{names[i]}'" if names and i < len(names) else str(i) for i in cycle]
    noun = "classes" if names else "columns"
    if len(cycle) == 2:
        return f"{noun} {shown[0]} and {shown[1]} are swapped"
    chain = ", ".join(
        f"{a} answers for {b}"
        for a, b in zip([*shown[1:], shown[0]], shown, strict=True)
    )
    return f"{noun} are rotated ({chain})"


def _output_name(context: Context, name: str) -> str | None:
    """The candidate's own name of an output, where there is no doubt about it."""
    if context.candidate is None:
        return None
    outputs = context.candidate.outputs
    if name in outputs:
        return name
    return outputs[0] if len(outputs) == 1 else None
