"""How surely two tensors are forms of the same numbers, told from small samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.layouts import Arrangement, arranged, arrangements, orders
from harness.weights.sketch import tame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.protocols import FloatArray
    from harness.weights.layouts import Axes
    from harness.weights.sketch import Sketch

# Fewer numbers than this correlate by chance; those may differ by this much.
_ENOUGH = 8
_NEAR = 0.05
SIMILAR = 0.9
# A pair whose plain and rank correlations are below this is not looked at closer.
_WORTH_A_LOOK = 0.5
_FEW = 4


def best_layout(reference: Sketch, candidate: Sketch) -> tuple[float, Arrangement]:
    """The arrangement in which they are most alike, and how alike they are.

    The first of several that are equally good. Likeness is -1 where none fits.
    """
    best = (-1.0, Arrangement((), ()))
    for how in arrangements(reference.squeezed, candidate.squeezed):
        found = _likeness_in(reference, candidate, how)
        if found > best[0]:
            best = (found, how)
        if found >= 1:
            break
    return best


def _likeness_in(reference: Sketch, candidate: Sketch, how: Arrangement) -> float:
    if len(reference.squeezed) == len(candidate.squeezed):
        return likeness(reference.sample.transpose(how.axes), candidate.sample)
    theirs, ours = tame(reference.tensor.load()), tame(candidate.tensor.load())
    return likeness(arranged(theirs, how, ours.shape), ours)


def likeness(reference: FloatArray, candidate: FloatArray) -> float:
    """How surely two tame samples are forms of the same numbers; 0.9: they are.

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
    return min(cosine(r, c), cosine(r - r.mean(), c - c.mean()))


def cosine(r: FloatArray, c: FloatArray) -> float:
    """Of two vectors; 0 where one is zero."""
    norms = math.sqrt(np.dot(r, r)) * math.sqrt(np.dot(c, c))
    return float(np.dot(r, c)) / norms if norms > 0 else 0.0


def likely_pairs(
    references: Sequence[Sketch], candidates: Sequence[Sketch]
) -> Iterator[tuple[Sketch, Sketch]]:
    """Pairs that a closer look may pay for.

    All pairs are held against each other in one matrix product an axis order: by
    their numbers and, because one wild number spoils that, by their ranks.

    Args:
        references: Tensors of one shape, without axes of length 1.
        candidates: Tensors of one shape, with the same axes in any order.
    """
    if len(references) * len(candidates) <= _FEW or references[0].size < _ENOUGH:
        for reference in references:
            yield from ((reference, candidate) for candidate in candidates)
        return
    worth = np.zeros((len(references), len(candidates)), bool)
    axes_orders = list(orders(references[0].squeezed, candidates[0].squeezed))
    for kind in (_centred, _ranked):
        ours = np.stack([kind(c.sample) for c in candidates])
        for axes in axes_orders:
            theirs = np.stack([kind(r.sample.transpose(axes)) for r in references])
            worth |= theirs @ ours.T >= _WORTH_A_LOOK
    for at, to in np.argwhere(worth).tolist():
        yield references[at], candidates[to]


def sorted_axes(shape: Axes) -> Axes:
    """Lengths of axes, whatever their order."""
    return tuple(sorted(shape))


def _centred(sample: FloatArray) -> FloatArray:
    flat = sample.ravel() - sample.mean()
    norm = math.sqrt(np.dot(flat, flat))
    unit: FloatArray = flat / norm if norm > 0 else flat
    return unit


def _ranked(sample: FloatArray) -> FloatArray:
    return _centred(np.argsort(np.argsort(sample, axis=None)).astype(np.float64))
