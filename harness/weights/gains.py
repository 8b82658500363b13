"""Kernels that are others' times a number a channel, which folding leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.layouts import Arrangement, arranged, arrangements
from harness.weights.sketch import tame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray
    from harness.weights.pool import Side
    from harness.weights.sketch import Sketch

# Mean |cosine| of channels: int8 leaves 0.99 of small channels.
_SAME_DIRECTION = 0.95
_CERTAIN = 0.995
# Channels of fewer numbers than this all point in like directions.
_MIN_CHANNEL = 4
# Gains nearer to 1 than this everywhere are rounding, no folding.
_NEWS = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """A folded kernel and the one it was made from.

    Attributes:
        kept: Before.
        folded: After.
        how: From the reference's layout to the candidate's, whichever each is.
        forward: Whether `kept` is the reference's.
        axis: Of the candidate's bare shape: the one with a gain an index.
        values: Gains, shape (n,).
        errors: Their standard errors.
    """

    kept: Sketch
    folded: Sketch
    how: Arrangement
    forward: bool
    axis: int
    values: FloatArray
    errors: FloatArray

    def load(self) -> FloatArray:
        """The kept kernel in the candidate's layout, without axes of length 1."""
        values = self.kept.tensor.load()
        shape = (self.folded if self.forward else self.kept).squeezed
        return arranged(values, self.how, shape) if self.forward else values

    def spread(self, channels: FloatArray) -> FloatArray:
        """One number a channel as one an index of the axis."""
        n = self.values.size // channels.size
        if n == 1:
            return channels
        tiled, repeated = np.tile(channels, n), np.repeat(channels, n)
        first = (
            np.abs(self.values - tiled).sum() <= np.abs(self.values - repeated).sum()
        )
        return tiled if first else repeated

    def by_channel(self, size: int) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Gains and errors of `size` channels; of a flattened input, either order."""
        if self.values.size == size:
            yield self.values, self.errors
            return
        for order in ("tiled", "repeated"):
            axis = 0 if order == "tiled" else 1
            shape = (-1, size) if order == "tiled" else (size, -1)
            gains = np.median(self.values.reshape(shape), axis=axis)
            errors = np.median(self.errors.reshape(shape), axis=axis)
            yield gains, errors

    def on_input(self, size: int) -> bool:
        """Whether the gains are those of a flattened input."""
        return self.values.size != size

    def next_layer(self, n_bias: int) -> bool:
        """Whether a bias of this length can only be of the other axis."""
        return n_bias != self.values.size


def gain_pairs(
    kept: Side, folded: Side, sizes: set[int], forward: bool
) -> Iterator[Gains]:
    """Pairs of kernels of one size, in the folded file's order, same names first.

    Args:
        kept: Side before folding.
        folded: Side after.
        sizes: Channels that norms have.
        forward: Whether `kept` is the reference.
    """
    for after in folded.open:
        if len(after.squeezed) < 2 or not folded.has(after):
            continue
        before = [k for k in kept.open if k.size == after.size and len(k.squeezed) > 1]
        before.sort(key=lambda k: (k.stem != after.stem, k.index))
        best: tuple[float, Sketch, Arrangement, int] | None = None
        for sketch in before:
            found = _direction(sketch, after, sizes, forward)
            if found and (best is None or found[0] > best[0]):
                best = (found[0], sketch, *found[1:])
            if best and best[0] >= _CERTAIN:
                break
        gains = _gains(after, best, forward) if best else None
        if gains is not None:
            yield gains


def _direction(
    kept: Sketch, folded: Sketch, sizes: set[int], forward: bool
) -> tuple[float, Arrangement, int] | None:
    """The layout and axis in which channels point the same way; None where none do."""
    reference, candidate = (kept, folded) if forward else (folded, kept)
    best: tuple[float, Arrangement, int] | None = None
    for how in arrangements(reference.squeezed, candidate.squeezed):
        theirs, ours = _samples(reference, candidate, how)
        for axis, size in enumerate(candidate.squeezed):
            if not any(size % n == 0 for n in sizes):
                continue
            if candidate.size // size < _MIN_CHANNEL:
                continue
            score = _parallel(theirs, ours, axis)
            if score >= _SAME_DIRECTION and (best is None or score > best[0]):
                best = (score, how, axis)
    return best


def _samples(
    reference: Sketch, candidate: Sketch, how: Arrangement
) -> tuple[FloatArray, FloatArray]:
    if len(reference.squeezed) == len(candidate.squeezed):
        return reference.sample.transpose(how.axes), candidate.sample
    shape = candidate.squeezed
    theirs = arranged(reference.tensor.load(), how, shape)
    return theirs, candidate.tensor.load().reshape(shape)


def _parallel(theirs: FloatArray, ours: FloatArray, axis: int) -> float:
    """Median |cosine| over channels."""
    r = tame(np.moveaxis(theirs, axis, 0).reshape(theirs.shape[axis], -1))
    c = tame(np.moveaxis(ours, axis, 0).reshape(ours.shape[axis], -1))
    norms = np.sqrt((r * r).sum(1) * (c * c).sum(1))
    known = norms > 0
    if not known.any():
        return 0.0
    return float(np.median(np.abs((r * c).sum(1)[known]) / norms[known]))


def _gains(
    folded: Sketch, best: tuple[float, Sketch, Arrangement, int], forward: bool
) -> Gains | None:
    """Least-squares gain of each channel, and its standard error."""
    _, kept, how, axis = best
    reference, candidate = (kept, folded) if forward else (folded, kept)
    shape = candidate.squeezed
    theirs = arranged(reference.tensor.load(), how, shape)
    ours = candidate.tensor.load().reshape(shape)
    before, after = (theirs, ours) if forward else (ours, theirs)
    k, f = (
        tame(np.moveaxis(x, axis, 0).reshape(shape[axis], -1)) for x in (before, after)
    )
    energy = np.maximum((k * k).sum(1), 1e-300)
    gains = (k * f).sum(1) / energy
    if np.all(np.abs(gains - 1) < _NEWS):
        return None
    left = f - gains[:, None] * k
    error = np.sqrt((left * left).sum(1) / max(k.shape[1] - 1, 1) / energy)
    floor = np.abs(gains).max() * 2.0**-24
    return Gains(kept, folded, how, forward, axis, gains, np.maximum(error, floor))
