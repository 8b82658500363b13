"""Who was taken for whom, counted as samples go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import IntArray


class ConfusionMatrix:
    """Counts of true class i predicted as j.

    A prediction of `n_classes` means "no class" (a score was NaN). It has no column of
    its own in `matrix`: the row's sum then falls short of the class's samples, so such
    a sample lowers recall and is nobody's false alarm.

    Args:
        n_classes: Classes.
    """

    def __init__(self, n_classes: int) -> None:
        self._width = n_classes + 1
        self._counts: IntArray = np.zeros(n_classes * self._width, dtype=np.int64)

    def update(self, labels: IntArray, predictions: IntArray) -> None:
        """Take in samples.

        Args:
            labels: Class indices, shape (n,), in range.
            predictions: Class indices, or `n_classes` for none, shape (n,).
        """
        cells = labels * self._width + predictions
        # bincount would make a matrix a batch; with 1,000 classes that is 8 MB.
        np.add.at(self._counts, cells, 1)

    def merge(self, other: ConfusionMatrix) -> None:
        """Take in all that another matrix has seen."""
        self._counts += other._counts

    @property
    def matrix(self) -> IntArray:
        """Shape (classes, classes); ``[i, j]`` counts true class i predicted as j."""
        return self._counts.reshape(-1, self._width)[:, :-1]

    @property
    def n_true(self) -> IntArray:
        """Samples truly of each class, shape (classes,)."""
        totals: IntArray = self._counts.reshape(-1, self._width).sum(axis=1)
        return totals
