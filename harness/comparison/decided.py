"""Everything that decisions alone say: agreement, confusion, flips both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.confusion import ConfusionMatrix
from harness.comparison.flows import FlowCounts, collapse_index
from harness.comparison.groups import GroupLosses
from harness.comparison.intervals import mcnemar_two_sided
from harness.comparison.tasks.per_class import class_comparisons
from harness.core.results import Confusion, ConfusionCells, LabelComparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array, FloatArray, IntArray
    from harness.core.results import ClassComparison

    PerClass = tuple[ClassComparison, ...]

# Two dense matrices of 1,000 classes would be most of a report, and no picture.
MAX_CONFUSION_CLASSES = 256
MAX_CONFUSION_CELLS = 8_000


class DecisionCounts:
    """Streams decided classes of both sides into a `LabelComparison` without flips.

    Args:
        class_names: Names by class index; an index of one more means no class.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = tuple(class_names)
        n_classes = len(self._names)
        self._n = self._n_flipped = 0
        self._n_labelled = 0
        self._before, self._after = (
            ConfusionMatrix(n_classes),
            ConfusionMatrix(n_classes),
        )
        self._answers: IntArray = np.zeros((2, n_classes + 1), dtype=np.int64)
        self._regressed: IntArray = np.zeros(n_classes, dtype=np.int64)
        self._improved: IntArray = np.zeros(n_classes, dtype=np.int64)
        self._flows = FlowCounts(self._names)
        self._groups: GroupLosses | None = None

    def update(
        self,
        old: IntArray,
        new: IntArray,
        labels: IntArray | None,
        margins: FloatArray,
        groups: Array | None = None,
    ) -> None:
        """Take in decisions.

        Args:
            old: The reference's classes, shape (n,).
            new: The candidate's.
            labels: True classes, shape (n,), in range.
            margins: As of `Flip`, of those that moved, in their order.
            groups: What depends on each other has one of these, shape (n,).
        """
        moved = np.flatnonzero(old != new)
        self._n += len(old)
        self._n_flipped += len(moved)
        width = self._answers.shape[1]
        self._answers += [np.bincount(side, minlength=width) for side in (old, new)]
        true = None if labels is None else labels[moved]
        self._flows.update((old[moved], new[moved], true), margins)
        if labels is None or true is None:
            return
        self._n_labelled += len(labels)
        self._before.update(labels, old)
        self._after.update(labels, new)
        np.add.at(self._regressed, true[old[moved] == true], 1)
        np.add.at(self._improved, true[new[moved] == true], 1)
        if groups is not None:
            self._update_groups(true, (old[moved], new[moved]), groups[moved])

    def merge(self, other: DecisionCounts) -> None:
        """Take in all that another of the same classes has seen."""
        self._n += other._n
        self._n_flipped += other._n_flipped
        self._n_labelled += other._n_labelled
        self._before.merge(other._before)
        self._after.merge(other._after)
        self._answers += other._answers
        self._regressed += other._regressed
        self._improved += other._improved
        self._flows.merge(other._flows)
        if other._groups is not None:
            self._groups = self._groups or GroupLosses()
            self._groups.merge(other._groups)

    def result(self) -> LabelComparison | None:
        """The comparison over all that was seen; None when that is nothing."""
        if self._n == 0:
            return None
        before, after = (collapse_index(counts[:-1]) for counts in self._answers)
        unlabelled = LabelComparison(
            n=self._n,
            accuracy_reference=None,
            accuracy=None,
            top1_agreement=1 - self._n_flipped / self._n,
            n_regressed=None,
            n_improved=None,
            n_flipped=self._n_flipped,
            flows=self._flows.result(),
            collapse_reference=before,
            collapse=after,
        )
        return self._with_truth(unlabelled) if self._n_labelled else unlabelled

    def _with_truth(self, comparison: LabelComparison) -> LabelComparison:
        lost, won = int(self._regressed.sum()), int(self._improved.sum())
        per_class = class_comparisons(
            self._names, self._before, self._after, self._regressed, self._improved
        )
        return replace(
            comparison,
            accuracy_reference=int(self._before.n_right.sum()) / self._n_labelled,
            accuracy=int(self._after.n_right.sum()) / self._n_labelled,
            n_regressed=lost,
            n_improved=won,
            p_value=mcnemar_two_sided(lost, won),
            per_class=self._with_groups(per_class),
            group_losses=self._groups.of_all() if self._groups else None,
            confusion=self._confusion(),
            confusion_cells=self._confusion_cells(),
        )

    def _update_groups(
        self, true: IntArray, moves: tuple[IntArray, IntArray], groups: Array
    ) -> None:
        self._groups = self._groups or GroupLosses()
        for decided, change in zip(moves, (1, -1), strict=True):
            right = decided == true
            self._groups.update(true[right], groups[right], change)

    def _with_groups(self, per_class: PerClass) -> PerClass:
        groups = self._groups
        if groups is None:
            return per_class
        return tuple(
            replace(one, group_losses=groups.of_class(index))
            for index, one in enumerate(per_class)
        )

    def _confusion(self) -> Confusion | None:
        if len(self._names) > MAX_CONFUSION_CLASSES:
            return None
        return Confusion(self._names, _rows(self._before), _rows(self._after))

    def _confusion_cells(self) -> ConfusionCells | None:
        if len(self._names) <= MAX_CONFUSION_CLASSES:
            return None
        before, after = self._before.cells(), self._after.cells()
        keys = np.union1d(before[0], after[0])
        old, new = (_counts_of(keys, *cells) for cells in (before, after))
        true, answer = keys // len(self._names), keys % len(self._names)
        # Stable, so that of equal cells the first classes come first.
        order = np.lexsort((-np.maximum(old, new), -np.abs(new - old)))
        kept = order[:MAX_CONFUSION_CELLS]
        cells = np.stack([true, answer, old, new], axis=1)[kept].tolist()
        return ConfusionCells(
            tuple((row[0], row[1], row[2], row[3]) for row in cells),
            n_left_out=len(order) - len(kept),
        )


def _counts_of(keys: IntArray, known: IntArray, times: IntArray) -> IntArray:
    """The count of each key, 0 of those that are not known."""
    counts = np.zeros(len(keys), np.int64)
    counts[np.searchsorted(keys, known)] = times
    return counts


def _rows(matrix: ConfusionMatrix) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in matrix.matrix.tolist())
