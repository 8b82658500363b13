"""Who was taken for whom, counted as samples go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import IntArray

# Cells that are counted in place, 16 MB of them; of more, few are ever anything.
_MOST_DENSE = 1 << 21
# Sparse counts that wait to be added up.
_MOST_WAITING = 1 << 18


class ConfusionMatrix:
    """Counts of true class i predicted as j.

    A prediction of `n_classes` means "no class" (a score was NaN). It has no column of
    its own in `matrix`: the row's sum then falls short of the class's samples, so such
    a sample lowers recall and is nobody's false alarm.

    Args:
        n_classes: Classes. Of many, memory grows with the cells that are not zero.
    """

    def __init__(self, n_classes: int) -> None:
        self._n_classes, self._width = n_classes, n_classes + 1
        n_cells = n_classes * self._width
        dense = n_cells <= _MOST_DENSE
        self._counts = np.zeros(n_cells, dtype=np.int64) if dense else None
        self._keys: list[IntArray] = []
        self._times: list[IntArray] = []
        self._waiting = 0

    def update(self, labels: IntArray, predictions: IntArray) -> None:
        """Take in samples.

        Args:
            labels: Class indices, shape (n,), in range.
            predictions: Class indices, or `n_classes` for none, shape (n,).
        """
        cells = labels * self._width + predictions
        if self._counts is not None:
            # bincount would make a matrix a batch; with 1,000 classes that is 8 MB.
            np.add.at(self._counts, cells, 1)
        else:
            self._append(cells, np.ones(len(cells), np.int64))

    def merge(self, other: ConfusionMatrix) -> None:
        """Take in all that another matrix has seen."""
        if self._counts is not None and other._counts is not None:
            self._counts += other._counts
        for keys, times in zip(other._keys, other._times, strict=True):
            self._append(keys, times)

    @property
    def matrix(self) -> IntArray:
        """Shape (classes, classes); ``[i, j]`` counts true class i predicted as j."""
        if self._counts is not None:
            return self._counts.reshape(-1, self._width)[:, :-1]
        dense = np.zeros((self._n_classes, self._n_classes), np.int64)
        keys, times = self.cells()
        dense[keys // self._n_classes, keys % self._n_classes] = times
        return dense

    def cells(self) -> tuple[IntArray, IntArray]:
        """Cells of `matrix` that are not zero, rising, and their counts.

        Returns:
            ``i * classes + j`` of each, and how often; both of shape (cells,).
        """
        true, answer, times = self._all()
        told = answer < self._n_classes
        return true[told] * self._n_classes + answer[told], times[told]

    @property
    def n_true(self) -> IntArray:
        """Samples truly of each class, shape (classes,)."""
        true, _, times = self._all()
        return self._by_class(true, times)

    @property
    def n_right(self) -> IntArray:
        """Samples of each class that were told, shape (classes,)."""
        true, answer, times = self._all()
        right = true == answer
        return self._by_class(true[right], times[right])

    @property
    def n_answered(self) -> IntArray:
        """Samples that were taken for each class, shape (classes,)."""
        _, answer, times = self._all()
        told = answer < self._n_classes
        return self._by_class(answer[told], times[told])

    def _all(self) -> tuple[IntArray, IntArray, IntArray]:
        """True class, answer and count of each cell that is not zero."""
        if self._counts is not None:
            keys: IntArray = np.flatnonzero(self._counts)
            times: IntArray = self._counts[keys]
        else:
            self._compact()
            empty = np.zeros(0, np.int64)
            keys = self._keys[0] if self._keys else empty
            times = self._times[0] if self._times else empty
        return keys // self._width, keys % self._width, times

    def _by_class(self, classes: IntArray, times: IntArray) -> IntArray:
        counts = np.zeros(self._n_classes, np.int64)
        np.add.at(counts, classes, times)
        return counts

    def _append(self, keys: IntArray, times: IntArray) -> None:
        self._keys.append(keys.astype(np.int64))
        self._times.append(times)
        self._waiting += len(keys)
        if self._waiting > _MOST_WAITING:
            self._compact()
            # As many again may wait, so that adding up stays cheap.
            self._waiting = -len(self._keys[0])

    def _compact(self) -> None:
        if len(self._keys) < 1:
            return
        keys, places = np.unique(np.concatenate(self._keys), return_inverse=True)
        times = np.zeros(len(keys), np.int64)
        np.add.at(times, places, np.concatenate(self._times))
        self._keys, self._times = [keys], [times]
