"""Where in the space of an output its error lies: mean magnitudes by row and column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.results import ErrorMap

if TYPE_CHECKING:
    from harness.core.protocols import FloatArray

MOST_CELLS = 48
# Of two axes alone, shorter ones are no space but a table of numbers.
_LEAST_PLANE = 8


class ErrorMaps:
    """Sums |c - r| by place, at most 48 x 48 of them; holds sums, never samples.

    Samples of another shape than the first are left out.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, int] | None = None
        self._sums: FloatArray | None = None
        self._n = 0

    def update(
        self,
        reference: FloatArray,
        candidate: FloatArray,
        channels_last: tuple[int, int, int] | None,
    ) -> None:
        """Take in one sample.

        Args:
            reference: Finite numbers, without the axis of samples.
            candidate: Of the same shape.
            channels_last: Axis order that makes it (rows, columns, channels); None
                where it is no such thing.
        """
        plane = reference.ndim == 2 and min(reference.shape) >= _LEAST_PLANE
        if channels_last is None and not plane:
            return
        errors = np.abs(candidate - reference)
        if channels_last is not None:
            errors = errors.transpose(channels_last).mean(axis=2)
        self._take(pooled(errors), (errors.shape[0], errors.shape[1]), 1)

    def merge(self, other: ErrorMaps) -> None:
        """Take in all that another has seen."""
        if other._sums is not None and other._shape is not None:
            self._take(other._sums, other._shape, other._n)

    def result(self) -> ErrorMap | None:
        """The map; None where no sample has space, or none has an error."""
        if self._sums is None or self._shape is None or not self._sums.any():
            return None
        mean = (self._sums / self._n).tolist()
        return ErrorMap(self._shape, tuple(map(tuple, mean)), self._n)

    def _take(self, sums: FloatArray, shape: tuple[int, int], n: int) -> None:
        if self._sums is None:
            self._sums, self._shape = np.zeros(sums.shape), shape
        if shape == self._shape:
            self._sums += sums
            self._n += n


def pooled(plane: FloatArray, most: int = MOST_CELLS) -> FloatArray:
    """The plane with neighbours averaged, so that no axis is longer than `most`."""
    result: FloatArray = plane.astype(np.float64)
    for axis in (0, 1):
        length = plane.shape[axis]
        n = min(length, most)
        starts = np.arange(n) * length // n
        sizes = np.diff([*starts, length])
        sums = np.add.reduceat(result, starts, axis=axis)
        result = sums / (sizes[:, None] if axis == 0 else sizes)
    return result
