"""Orders of axes in which one tensor can be another: HWIO and OIHW, W and W^T."""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray
    from harness.weights.sketch import Sketch

Axes: TypeAlias = tuple[int, ...]
# Six axes would have 720 orders, and no known layout differs there.
_MAX_RANK = 5
# Fewer numbers than this correlate by chance; those may differ by this much.
_ENOUGH = 8
_NEAR = 0.05


def layouts(reference: Axes, candidate: Axes) -> Iterator[Axes]:
    """Axis orders that give a tensor of shape `reference` the shape `candidate`.

    Both shapes are without axes of length 1. The order as it stands comes first.
    """
    if sorted(reference) != sorted(candidate) or len(reference) > _MAX_RANK:
        return
    for axes in permutations(range(len(reference))):
        if tuple(reference[a] for a in axes) == candidate:
            yield axes


def arranged(values: FloatArray, axes: Axes, shape: tuple[int, ...]) -> FloatArray:
    """A view of `values` with its axes in the order `axes`, in the shape `shape`."""
    squeezed = values.reshape([n for n in values.shape if n != 1])
    return squeezed.transpose(axes).reshape(shape)


def best_layout(reference: Sketch, candidate: Sketch) -> tuple[float, Axes] | None:
    """The order in which the samples are most alike, and how alike they are.

    The first of several that are equally good; None where no order fits the shapes.
    """
    scored = [
        (likeness(reference.sample.transpose(axes), candidate.sample), axes)
        for axes in layouts(reference.squeezed, candidate.squeezed)
    ]
    return max(scored, key=lambda pair: pair[0], default=None)


def likeness(reference: FloatArray, candidate: FloatArray) -> float:
    """How surely two samples are forms of the same numbers; 0.9 and more: they are.

    The smaller of cosine and correlation (a cosine alone makes any two positive
    vectors alike), or 0.9 and more where at least half of the elements are the same
    non-zero number: a few edited elements can spoil both. Few numbers correlate by
    chance, and must be nearly the same. 0 where nothing tells.
    """
    r, c = reference.ravel(), candidate.ravel()
    same = np.count_nonzero((r == c) & (r != 0)) / r.size if r.size > 1 else 0.0
    if same >= 0.5:
        return 0.9 + 0.1 * same
    if r.size < _ENOUGH:
        near = np.linalg.norm(c - r) <= _NEAR * np.linalg.norm(r)
        return 0.9 if near and r.size > 1 and r.any() else 0.0
    return min(_cosine(r, c), _cosine(r - r.mean(), c - c.mean()))


def _cosine(r: FloatArray, c: FloatArray) -> float:
    norms = math.sqrt(np.dot(r, r)) * math.sqrt(np.dot(c, c))
    return float(np.dot(r, c)) / norms if norms > 0 else 0.0
