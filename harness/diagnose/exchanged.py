"""Outputs under each other's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from harness.diagnose.grafts import exchange_outputs

if TYPE_CHECKING:
    from harness.core.protocols import Arrays, FloatArray
    from harness.diagnose.case import Case
    from harness.diagnose.edits import Change

_LEFT = 0.1


def exchanged_outputs(case: Case) -> dict[str, str] | None:
    """Reference's output -> the candidate's that answers for it.

    Returns:
        Those that are exchanged; None where the names are right, or where nothing
        fits clearly better.
    """
    mine, other = case.reference_outputs, case.candidate_outputs
    names = sorted(k for k in mine.keys() & other.keys() if mine[k].dtype.kind == "f")
    if len(names) < 2:
        return None
    cost = _cost(names, mine, other)
    if not np.isfinite(np.diag(cost)).all():
        return None
    _, order = linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e30))
    moved = {names[i]: names[j] for i, j in enumerate(order) if i != j}
    places = [(i, j) for i, j in enumerate(order) if i != j]
    left = sum(cost[i, j] for i, j in places)
    total = sum(cost[i, i] for i, _ in places)
    return moved if moved and left <= _LEFT * total else None


def exchange(case: Case, moved: dict[str, str]) -> Change | None:
    """Give the candidate's outputs each other's names; None where they are others."""
    graph = case.candidate
    if graph is None or not set(moved) <= set(graph.outputs):
        return None
    return exchange_outputs(moved)


def _cost(names: list[str], mine: Arrays, other: Arrays) -> FloatArray:
    cost = np.full((len(names), len(names)), np.inf)
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            if mine[first].shape == other[second].shape:
                cost[i, j] = float(np.abs(mine[first] - other[second]).mean())
    return cost
