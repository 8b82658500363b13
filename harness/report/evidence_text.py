"""The error along a graph and a matrix of runs, as rows of short tables."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from harness.report.text import MISSING, one_line, quantity, scientific

if TYPE_CHECKING:
    from harness.core.results import ErrorProfile, ErrorStep, MatrixCell, RunMatrix

FIRST = "FIRST"
"""What marks the node at which the error enters."""
PROFILE_HEADER = ("node", "injected", "inherited", "rounding", "")
MATRIX_HEADER = ("way", "max error", "rounding", "moved", "")
PARTS = "PARTS"


def profile_title(profile: ErrorProfile) -> str:
    """``error along the graph: 2 of 9 steps inject some, on 16 samples``."""
    n_steps = len(profile.steps) + profile.n_left_out
    guilty = sum(step.guilty for step in profile.steps)
    steps = quantity(n_steps, "step")
    on = f"on {quantity(profile.n_samples, 'sample')}"
    if not guilty:
        return f"error along the graph: none of {steps} injects more than rounding {on}"
    verb = "injects" if guilty == 1 else "inject"
    return (
        f"error along the graph: {guilty:,} of {steps} {verb} more than rounding, {on}"
    )


def profile_rows(profile: ErrorProfile, most: int) -> list[tuple[str, ...]]:
    """The steps that inject error, and the one before the first; none where none does.

    Args:
        profile: In the candidate's order.
        most: Guilty steps to tell; the rest is counted in a row.
    """
    guilty = [step for step in profile.steps if step.guilty]
    if not guilty:
        return []
    rows = [_step(guilty[0], FIRST)]
    before = _before(profile, guilty[0])
    if before is not None:
        rows.insert(0, _step(before, "clean"))
    rows += [_step(step, "injects") for step in guilty[1:most]]
    if guilty[most:]:
        rows.append((f"{len(guilty[most:]):,} more", "", "", "", ""))
    return rows


def entry(profile: ErrorProfile | None) -> str:
    """Where the error enters, in a line; empty where no step injects any."""
    guilty = [step for step in profile.steps if step.guilty] if profile else []
    if not guilty or profile is None:
        return ""
    first = guilty[0]
    others = f", and at {len(guilty) - 1:,} more" if guilty[1:] else ""
    n_steps = len(profile.steps) + profile.n_left_out
    return (
        f"error enters at {_node(first)}: {scientific(first.injected)} injected, where"
        f" {scientific(first.floor)} is rounding{others} of {quantity(n_steps, 'step')}"
    )


def matrix_title(matrix: RunMatrix) -> str:
    """``run in 3 other ways, on 64 samples: 1 parts from it as it is deployed``."""
    cells = matrix.cells[1:]
    parting = sum(cell.parts for cell in cells)
    verb = "parts" if parting == 1 else "part"
    told = f"{parting:,} {verb} from" if parting else "all that ran are alike to"
    ways = quantity(len(cells), "other way")
    samples = quantity(matrix.n_samples, "sample")
    return f"run in {ways}, on {samples}: {told} it as it is deployed"


def matrix_rows(matrix: RunMatrix) -> list[tuple[str, ...]]:
    """One row a way; a way that could not be run says why."""
    return [_cell(cell) for cell in matrix.cells[1:]]


def _before(profile: ErrorProfile, first: ErrorStep) -> ErrorStep | None:
    for before, after in pairwise(profile.steps):
        if after is first:
            return before
    return None


def _step(step: ErrorStep, said: str) -> tuple[str, ...]:
    errors = (step.injected, step.inherited, step.floor)
    return (_node(step), *map(scientific, errors), said)


def _node(step: ErrorStep) -> str:
    return one_line(f"{step.op_type} '{step.candidate_node}'")


def _cell(cell: MatrixCell) -> tuple[str, ...]:
    way = one_line(f"{cell.axis.replace('_', ' ')} {cell.value}")
    if cell.max_abs_error is None:
        reason = one_line(cell.reason or "no reason recorded")
        return (way, MISSING, MISSING, MISSING, f"not run: {reason}")
    moved = MISSING if cell.n_flipped is None else f"{cell.n_flipped:,}"
    errors = scientific(cell.max_abs_error), scientific(cell.floor)
    return (way, *errors, moved, PARTS if cell.parts else "alike")
