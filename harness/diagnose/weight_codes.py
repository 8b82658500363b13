"""Weights that are kept as integer codes, and read with another scale or zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.differences import OtherWeights
from harness.diagnose.restore import parameter_place, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray
    from harness.diagnose.case import Case
    from harness.diagnose.edits import Change
    from harness.graphs.model import Node

_LEFT = 0.02


@dataclass(frozen=True, eq=False)
class WeightCode:
    """A kernel that is dequantized otherwise.

    Attributes:
        nodes: (reference, candidate) that read it.
        tensor: The candidate's file's name of it.
        gain: Candidate's over the reference's; 1 where it is shifted.
        shift: Candidate's less the reference's; 0 where it is scaled.
        change: Puts the reference's numbers in.
    """

    nodes: tuple[Node, Node]
    tensor: str
    gain: float
    shift: float
    change: Change | None


def weight_codes(case: Case) -> Iterator[WeightCode]:
    """Dequantized kernels that a factor or an offset turns into the reference's."""
    assert case.candidate is not None
    for found in case.differences:
        if not isinstance(found, OtherWeights) or found.part != "kernel":
            continue
        node, tensor = parameter_place(found.candidate, "kernel")
        partner, _ = parameter_place(found.reference, "kernel")
        if not _is_code(case, tensor):
            continue
        mine, other = found.reference.folded()[0], found.candidate.folded()[0]
        assert mine is not None
        assert other is not None
        fitted = _fitted(mine.values, other.values)
        if fitted is not None:
            change = restore(case.candidate, found.candidate, found.reference, "kernel")
            yield WeightCode((partner, node), tensor, *fitted, change)


def _is_code(case: Case, tensor: str) -> bool:
    """Whether the file keeps a tensor as integers."""
    if case.candidate is None:
        return False
    value = case.candidate.values.get(tensor)
    if value is None or value.constant is None:
        return False
    return value.half_step is not None or value.constant.dtype.kind in "iu"


def _fitted(mine: FloatArray, other: FloatArray) -> tuple[float, float] | None:
    """A factor, or else an offset a channel, that explains the difference."""
    size = float(np.linalg.norm(other - mine))
    gain = float(np.sum(mine * other) / (np.sum(mine * mine) or 1.0))
    if np.linalg.norm(other - gain * mine) <= _LEFT * size:
        return gain, 0.0
    rows = (other - mine).reshape(len(mine), -1)
    shift = np.median(rows, axis=1, keepdims=True)
    if np.linalg.norm(rows - shift) <= _LEFT * size:
        return 1.0, float(np.abs(shift).max())
    return None
