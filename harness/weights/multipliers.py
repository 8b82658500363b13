"""Multiplications by constants that one file keeps and the other has in its kernels.

Optimizers take a number a channel that follows a convolution into its weights, be it
written as a multiplication (as tf2onnx writes some batch norms) or as a norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.weights.folded_tensors import kernel_by_channel
from harness.weights.gains import gain_pairs
from harness.weights.layouts import as_it_is
from harness.weights.pool import Match
from harness.weights.sketch import sketch, tame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.weights.gains import Gains
    from harness.weights.pool import Pool, Side
    from harness.weights.sketch import Sketch

# Of the size of the constants: what quantization to 8 bits may leave of the gains.
_EXPLAINED = 0.05
# Of the channels; comparing tells of the others, where one was scaled wrong.
_MOST = 0.8
# Fewer numbers are alike by chance.
_MIN_SIZE = 4
_NOTE = "compared with what the multiplication makes of it"


def match_multiplied(pool: Pool) -> None:
    """Recognise the multiplications that are left on one side only."""
    for kept, folded in (
        (pool.reference, pool.candidate),
        (pool.candidate, pool.reference),
    ):
        sizes = {vector.size for vector in _vectors(kept)}
        forward = kept is pool.reference
        for gains in gain_pairs(kept, folded, sizes, forward) if sizes else ():
            vector = _explaining(kept, gains)
            if vector is not None:
                _take(pool, (kept, folded), gains, vector)


def _vectors(side: Side) -> Iterator[Sketch]:
    for found in side.open:
        if len(found.squeezed) == 1 and found.size >= _MIN_SIZE and not found.zero:
            yield found


def _explaining(kept: Side, gains: Gains) -> Sketch | None:
    """The vector that the gains are, if there is one."""
    best: tuple[float, Sketch] | None = None
    for vector in _vectors(kept):
        if vector.size == gains.values.size:
            values = tame(vector.tensor.load().reshape(-1))
            left = float(np.quantile(np.abs(gains.values - values), _MOST))
            residual = left / float(np.sqrt((values * values).mean()))
            if best is None or residual < best[0]:
                best = residual, vector
    return best[1] if best and best[0] <= _EXPLAINED else None


def _take(pool: Pool, sides: tuple[Side, Side], gains: Gains, vector: Sketch) -> None:
    """Match what the kernel should have become with what there is."""
    kept, folded = sides
    factor = tame(vector.tensor.load().reshape(-1))
    expected = sketch(kernel_by_channel(gains, factor), gains.kept.index)
    pair, how = (expected, gains.folded), as_it_is(expected.tensor.shape)
    if kept is not pool.reference:
        pair, how = (gains.folded, expected), gains.how
    kept.take(gains.kept)
    folded.take(gains.folded)
    pool.matches.append(Match(*pair, "folded", how, _NOTE))
    pool.account(kept, vector, "folded", f"folded into {gains.folded.tensor.name}")
