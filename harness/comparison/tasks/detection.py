"""Boxes with classes and scores, as COCO judges them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.box_reading import KNOWN, BoxReader
from harness.comparison.boxes import Boxes, matches, overlaps
from harness.comparison.chance import buckets_of
from harness.comparison.detections import Detections
from harness.comparison.jackknife import PARTS, with_jackknife
from harness.comparison.options import Options
from harness.comparison.paired_sums import PairedSums
from harness.comparison.shares import share
from harness.core.results import Confusion, PartComparison, TaskComparison, TaskMetric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from harness.comparison.batch import ComparisonBatch
    from harness.core.protocols import IntArray

    FloatArray = NDArray[np.float64]

_OWN = ("max_detections", "score_threshold", "iou_threshold")
_MOST_CLASSES = 255
_BACKGROUND = -1
_TRUTHLESS = "no true boxes: those of the reference above the score threshold are"
# Name of the metric -> which of the overlaps 0.5, 0.55, ... 0.95 it is the mean of.
_PRECISIONS = {
    "average_precision": slice(None),
    "average_precision_50": slice(0, 1),
    "average_precision_75": slice(5, 6),
}


class DetectionTask:
    """COCO's average precision, confusion with background, and agreement of boxes.

    Args:
        options: ``boxes``, ``scores``, ``classes``, ``counts``: names of outputs;
            ``format``, ``target_format``: "xyxy", "xywh", "cxcywh", "yxyx";
            ``normalized``, ``target_normalized``: whether coordinates are shares of
            ``image_size`` ([width, height]); ``class_offset``: added to the outputs'
            classes; ``max_detections``: a class and image, 100; ``score_threshold``
            (0.5) and ``iou_threshold`` (0.5): of confusion and agreement.
        class_names: Of the classes.

    Raises:
        SuiteError: An option is not known or not allowed.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        class_names: Sequence[str] | None = None,
    ) -> None:
        read = Options("detection", options, (*KNOWN, *_OWN))
        self._reader = BoxReader(read)
        most = read.whole("max_detections", 1) or 100
        self._score = read.number("score_threshold", 0.5, (0.0, 1.0))
        self._iou = np.array([read.number("iou_threshold", 0.5, (0.0, 1.0))])
        self._names = class_names
        self._sides = (Detections(most), Detections(most))
        self._confusions: tuple[Counter[tuple[int, int]], ...] = (Counter(), Counter())
        self._agreed = PairedSums(2)
        self._truthless = False

    def update(self, batch: ComparisonBatch) -> None:
        """Take in the boxes of both sides.

        Raises:
            ComparisonError: Outputs or targets are no boxes with classes and scores.
        """
        reference, candidate = (
            list(self._reader.answers(side))
            for side in (batch.reference, batch.candidate)
        )
        told = self._reader.truth(batch.targets)
        self._truthless |= told is None
        truth = [self._sure(one) for one in reference] if told is None else list(told)
        buckets = buckets_of(batch.samples, batch.groups)
        agreed = []
        for row, sample in enumerate(batch.samples.tolist()):
            part = int(buckets[row]) % PARTS
            pair = (reference[row], candidate[row])
            for index, found in enumerate(pair):
                self._sides[index].update(sample, part, found, truth[row])
                self._confuse(index, self._sure(found), truth[row])
            agreed.append([self._agree(pair[0], found) for found in pair])
        table = np.array(agreed, np.float64).reshape(-1, 2, 2)
        self._agreed.update(buckets, table[:, 0], table[:, 1])

    def merge(self, other: DetectionTask) -> None:
        """Take in all that another task with the same options has seen."""
        for mine, theirs in zip(self._sides, other._sides, strict=True):
            mine.merge(theirs)
        for counts, more in zip(self._confusions, other._confusions, strict=True):
            counts.update(more)
        self._agreed.merge(other._agreed)
        self._truthless |= other._truthless

    def result(self) -> TaskComparison | None:
        """Metrics over all images; None when there were none."""
        n = self._agreed.n
        if not n:
            return None
        n_classes = len(self._class_names())
        tables = [side.precisions(n_classes) for side in self._sides]
        metrics = [self._over_classes(name, n, tables) for name in _PRECISIONS]
        agreement = self._agreed.metrics(_agreement, {"box_agreement"})
        n_true = self._sides[0].n_true(n_classes).sum(axis=1).tolist()
        return TaskComparison(
            task="detection",
            n=n,
            metrics=(*metrics, *agreement),
            per_class=tuple(
                PartComparison(name, n_true[i], _of_class(i, n_true[i], tables))
                for i, name in enumerate(self._class_names())
            ),
            confusion=self._confusion(),
            notes=(_TRUTHLESS,) if self._truthless else (),
        )

    def _sure(self, boxes: Boxes) -> Boxes:
        return boxes.where(boxes.scores >= self._score)

    def _agree(self, reference: Boxes, found: Boxes) -> tuple[int, int]:
        """Twice the boxes that both have, and the boxes of both."""
        ours, theirs = self._sure(reference), _ranked(self._sure(found))
        shared = overlaps(theirs.corners, ours.corners)
        shared[theirs.classes[:, None] != ours.classes[None, :]] = 0.0
        same = matches(shared, self._iou)[:, 0] >= 0
        return 2 * int(same.sum()), len(ours) + len(theirs)

    def _confuse(self, side: int, found: Boxes, truth: Boxes) -> None:
        found = _ranked(found)
        taken = matches(overlaps(found.corners, truth.corners), self._iou)[:, 0]
        missed = np.setdiff1d(np.arange(len(truth)), taken)
        hit = taken >= 0
        true = np.where(hit, _at(truth.classes, taken), _BACKGROUND)
        pairs = [*zip(true.tolist(), found.classes.tolist(), strict=True)]
        pairs += [(one, _BACKGROUND) for one in truth.classes[missed].tolist()]
        self._confusions[side].update(pairs)

    def _class_names(self) -> Sequence[str]:
        seen = max(side.n_classes for side in self._sides)
        names = list(self._names or ())
        return [*names, *(f"class {i}" for i in range(len(names), seen))]

    def _over_classes(
        self, name: str, n: int, tables: Sequence[FloatArray]
    ) -> TaskMetric:
        before, after = (_mean(table[:, :, _PRECISIONS[name]]) for table in tables)
        reference, candidate = (
            None if np.isnan(side[0]) else float(side[0]) for side in (before, after)
        )
        reason = "no true boxes" if reference is None else None
        metric = TaskMetric(name, n, reference, candidate, unscored=reason)
        changes = (after[1:] - before[1:]).tolist()
        return with_jackknife(metric, changes, fact=self._truthless)

    def _confusion(self) -> Confusion | None:
        names = self._class_names()
        if len(names) > _MOST_CLASSES:
            return None
        before, after = (_matrix(counts, len(names)) for counts in self._confusions)
        return Confusion((*names, "background"), before, after)


def _agreement(sums: FloatArray) -> dict[str, FloatArray]:
    return {"box_agreement": share(sums[:, 0], sums[:, 1])}


def _ranked(boxes: Boxes) -> Boxes:
    return boxes.where(np.argsort(-boxes.scores, kind="stable"))


def _at(values: IntArray, places: IntArray) -> IntArray:
    """Values at places, anything where a place is -1."""
    return values[places] if len(values) else places


def _mean(table: FloatArray) -> FloatArray:
    """Over thresholds and the classes with true boxes, shape (rounds,)."""
    flat = table.mean(axis=2)
    there = ~np.isnan(flat)
    total = np.where(there, flat, 0.0).sum(axis=1)
    return share(total, there.sum(axis=1).astype(np.float64))


def _of_class(
    index: int, n: int, tables: Sequence[FloatArray]
) -> tuple[TaskMetric, ...]:
    found = []
    for name in ("average_precision", "average_precision_50"):
        means = [float(t[0, index, _PRECISIONS[name]].mean()) for t in tables]
        before, after = (None if np.isnan(x) else x for x in means)
        reason = "no true boxes" if before is None else None
        found.append(TaskMetric(name, n, before, after, unscored=reason))
    return tuple(found)


def _matrix(
    counts: Mapping[tuple[int, int], int], n: int
) -> tuple[tuple[int, ...], ...]:
    """Background last."""
    order = [*range(n), _BACKGROUND]
    return tuple(tuple(counts.get((i, j), 0) for j in order) for i in order)
