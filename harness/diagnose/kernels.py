"""Layers that have the same weights, in whatever layout, also somewhat changed ones."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.traces import places_of
from harness.graphs.layers import SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array, FloatArray
    from harness.graphs.model import Graph
    from harness.graphs.units import Unit

# Below this likeness two layers of one shape are not the same, only alike in shape.
_ALIKE = 0.5
# Order decides between layers that are alike to this much.
_ORDER_WEIGHT = 1e-3
_SKETCH = 257
_SORTED_ALIKE = 1e-2
# Sorting a kernel above this many elements takes longer than it tells.
_MOST_SORTED = 1 << 22
_LAYERS = frozenset({"conv", "deconv", "dense"})


def match_kernels(
    reference: Graph,
    candidate: Graph,
    ours: Sequence[Unit],
    theirs: Sequence[Unit],
) -> list[tuple[Unit, Unit]]:
    """Pairs of layers, of those given, with the largest sum of likenesses."""
    # Importing it takes longer than most diagnoses that do without.
    from scipy.optimize import linear_sum_assignment

    mine = [(u, k) for u in ours if (k := _kernel(reference, u)) is not None]
    other = [(u, k) for u in theirs if (k := _kernel(candidate, u)) is not None]
    if not mine or not other:
        return []
    prints = [_fingerprint(k) for _, k in mine]
    others = [_fingerprint(k) for _, k in other]
    score = np.zeros((len(mine), len(other)))
    for i, (unit, _) in enumerate(mine):
        for j, (twin, _) in enumerate(other):
            if unit.family == twin.family:
                score[i, j] = _likeness(prints[i], others[j])
    near = np.abs(np.linspace(0, 1, len(mine))[:, None] - np.linspace(0, 1, len(other)))
    rows, columns = linear_sum_assignment(score - _ORDER_WEIGHT * near, maximize=True)
    found = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(mine[i][0], other[j][0]) for i, j in found if score[i, j] >= _ALIKE]


def _kernel(graph: Graph, unit: Unit) -> Array | None:
    first = unit.nodes[0]
    slots = SLOTS.get(first.op_type)
    if slots is not None and unit.kind in _LAYERS:
        return graph.constant(first.input(slots.kernel))
    if first.op_type in {"LSTM", "GRU", "RNN"}:
        return graph.constant(first.input(1))
    return None


def _fingerprint(kernel: Array) -> tuple[tuple[int, ...], FloatArray, FloatArray]:
    """Shape, standardized sample, and a sketch of the numbers in rising order."""
    places = np.ix_(*(places_of(n, kernel.ndim) for n in kernel.shape))
    sample = _standard(np.nan_to_num(kernel[places].astype(np.float64)))
    flat = kernel.ravel()
    if flat.size > _MOST_SORTED:
        return kernel.shape, sample, np.zeros(0)
    ordered = np.sort(np.nan_to_num(flat.astype(np.float32)))
    sketch = ordered[np.linspace(0, flat.size - 1, _SKETCH).astype(int)]
    return kernel.shape, sample, _standard(sketch.astype(np.float64))


def _standard(values: FloatArray) -> FloatArray:
    spread = values - values.mean()
    return np.asarray(spread / (np.linalg.norm(spread) or 1.0))


def _likeness(
    mine: tuple[tuple[int, ...], FloatArray, FloatArray],
    other: tuple[tuple[int, ...], FloatArray, FloatArray],
) -> float:
    """Best correlation over layouts; 0.9 where the sorted numbers agree."""
    if sorted(mine[0]) != sorted(other[0]):
        return 0.0
    best = -1.0
    for axes in permutations(range(len(mine[0]))):
        moved = mine[1].transpose(axes)
        if moved.shape == other[1].shape:
            best = max(best, float(np.vdot(moved, other[1])))
    if mine[2].size and mine[2].size == other[2].size:
        apart = np.abs(mine[2] - other[2]).max()
        if apart < _SORTED_ALIKE * max(np.abs(mine[2]).max(), 1e-30):
            best = max(best, 0.9)
    return best
