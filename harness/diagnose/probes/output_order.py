"""OUT001: the columns of an output stand in another order (labels swapped)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Edit, Needs, Suspect
from harness.diagnose.edits import permute_axis
from harness.diagnose.exchanged import exchange, exchanged_outputs
from harness.diagnose.prove import PROVEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray, IntArray
    from harness.diagnose.case import Case

CAUSE = Cause(
    code="OUT001",
    slug="outputs.order",
    line="output columns, the classes, stand in another order",
    hint="use the label map that the model was trained with, and check the order of "
    "classes where the last layer is written",
    rank=10,
)
# The assignment is cubic in the number of columns.
_MOST_COLUMNS = 2048
_NAMED = 6


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each output whose columns fit better in another order."""
    moved = exchanged_outputs(case)
    if moved is not None:
        yield _exchanged(case, moved)
        return
    for name in sorted(case.reference_outputs.keys()):
        mine = case.reference_outputs[name]
        other = case.candidate_outputs.get(name)
        if other is None or not _is_table(mine) or mine.shape != other.shape:
            continue
        if not (np.isfinite(mine).all() and np.isfinite(other).all()):
            continue
        order = column_order(mine, other)
        if order is not None:
            yield _suspect(case, name, order)


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


def _suspect(case: Case, name: str, order: IntArray) -> Suspect:
    told = [_told(case, cycle) for cycle in _cycles(order)]
    more = f", and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    trade = "; ".join(told[:_NAMED]) + more
    said = say(f"output '{name}': {trade}", "the order that the classes have", trade)
    output = _output_name(case, name)
    node = case.candidate.producer(output) if case.candidate and output else None
    text = f"reorder the columns of '{output or name}'"
    edit = Edit(text, permute_axis(output, order, 1)) if output else None
    explained = {**case.candidate_outputs, name: case.candidate_outputs[name][:, order]}
    return Suspect(CAUSE, node, None, output or name, said, edit, explained=explained)


def _told(case: Case, cycle: list[int]) -> str:
    names = case.class_names
    shown = [f"'{names[i]}'" if names and i < len(names) else str(i) for i in cycle]
    noun = "classes" if names else "columns"
    if len(cycle) == 2:
        return f"{noun} {shown[0]} and {shown[1]} are swapped"
    chain = ", ".join(
        f"{a} answers for {b}"
        for a, b in zip([*shown[1:], shown[0]], shown, strict=True)
    )
    return f"{noun} are rotated ({chain})"


def _exchanged(case: Case, moved: dict[str, str]) -> Suspect:
    """Whole outputs under each other's names."""
    names = "', '".join(moved)
    said = say(
        f"outputs '{names}' stand under each other's names",
        "the names that the outputs have",
        "exchanged",
    )
    change = exchange(case, moved)
    edit = None if change is None else Edit(f"exchange '{names}'", change)
    first = next(iter(moved))
    node = case.candidate.producer(first) if case.candidate else None
    explained = {
        k: case.candidate_outputs[moved.get(k, k)] for k in case.candidate_outputs
    }
    return Suspect(CAUSE, node, None, first, said, edit, explained=explained)


def _output_name(case: Case, name: str) -> str | None:
    """The candidate's own name of an output, where there is no doubt about it."""
    if case.candidate is None:
        return None
    outputs = case.candidate.outputs
    if name in outputs:
        return name
    return outputs[0] if len(outputs) == 1 else None


PROBE = CauseProbe(CAUSE, look, Needs(scope="outside"))
