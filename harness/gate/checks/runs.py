"""Whether it matters how a file is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.results import Check
from harness.gate.wording import counted, listed

if TYPE_CHECKING:
    from harness.core.findings import MatrixCell
    from harness.gate.checks.case import Answer, Case


def runs_alike(case: Case) -> Answer:
    """Whether the file answers the same in every way to run it that the suite names."""
    matrix = case.result.matrix
    if matrix is None:
        return "it was not run in other ways"
    others = matrix.cells[1:]
    ran = [cell for cell in others if cell.max_abs_error is not None]
    if not ran:
        return "no other way to run it works here"
    worst = max(ran, key=lambda cell: cell.max_abs_error or 0.0)
    apart = [cell for cell in ran if cell.parts]
    if apart:
        message = (
            f"the same file answers otherwise at {listed([_told(c) for c in apart])}:"
            f" up to {worst.max_abs_error:.3g} on {counted(matrix.n_samples, 'sample')}"
        )
        limit = min(cell.floor for cell in apart)
        return Check("runs_alike", "failed", worst.max_abs_error, limit, message)
    message = f"the same answers in {counted(len(ran), 'other way')} to run it"
    if len(ran) < len(others):
        message += f"; {len(others) - len(ran)} could not be run"
    return Check("runs_alike", "passed", worst.max_abs_error, worst.floor, message)


def _told(cell: MatrixCell) -> str:
    return f"{cell.axis.replace('_', ' ')} {cell.value}"
