"""The samples on which two variants part most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.results import WorstSample

if TYPE_CHECKING:
    from harness.core.protocols import Array, FloatArray


class WorstSamples:
    """The `keep` samples with the largest errors; of equal ones the first.

    Args:
        keep: Samples to keep.
    """

    def __init__(self, keep: int = 10) -> None:
        self._keep = keep
        self._found: dict[int, tuple[float, str | None]] = {}
        self._last: tuple[float, float] = (0.0, 0.0)

    def wants(self, peak: float, first_sample: int) -> bool:
        """Whether a block with that largest error can change the list."""
        return (-peak, first_sample) < self._last

    def update(
        self,
        errors: FloatArray,
        offset: int,
        row_size: int,
        start: int,
        ids: Array | None,
    ) -> None:
        """Take in a run of elements of a window of samples.

        Args:
            errors: Magnitudes, shape (n,).
            offset: Place of the first of them in the flattened window.
            row_size: Elements a sample.
            start: Sample index of the window's first sample.
            ids: Names of the window's samples.
        """
        first, last = offset // row_size, (offset + errors.size - 1) // row_size
        rows = np.arange(first, last + 1)
        peaks = np.maximum.reduceat(errors, np.maximum(rows * row_size - offset, 0))
        best = np.lexsort((rows, -peaks))[: self._keep]
        for row, peak in zip(rows[best].tolist(), peaks[best].tolist(), strict=True):
            self._add(start + row, peak, None if ids is None else str(ids[row]))
        self._prune()

    def merge(self, other: WorstSamples) -> None:
        """Take in all that another list has seen."""
        for sample, (error, sample_id) in other._found.items():
            self._add(sample, error, sample_id)
        self._prune()

    def result(self) -> tuple[WorstSample, ...]:
        """Largest error first; samples without any error are left out."""
        return tuple(
            WorstSample(sample, error, sample_id)
            for sample, (error, sample_id) in self._found.items()
        )

    def _add(self, sample: int, error: float, sample_id: str | None) -> None:
        if error > self._found.get(sample, (0.0, None))[0]:
            self._found[sample] = (error, sample_id)

    def _prune(self) -> None:
        order = sorted(self._found, key=lambda s: (-self._found[s][0], s))[: self._keep]
        self._found = {sample: self._found[sample] for sample in order}
        if len(order) == self._keep:
            self._last = (-self._found[order[-1]][0], order[-1])
