"""A class for every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.chance import buckets_of
from harness.comparison.options import Options
from harness.comparison.paired_sums import PairedSums
from harness.comparison.picking import pick, pick_target
from harness.comparison.shares import mean_over, share
from harness.core.errors import ComparisonError
from harness.core.results import Confusion, PartComparison, TaskComparison, TaskMetric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from harness.comparison.batch import ComparisonBatch
    from harness.core.protocols import Array, IntArray

    FloatArray = NDArray[np.float64]

_KNOWN = ("layout", "ignore_index", "threshold", "classes", "output", "target")
_LAYOUTS = ("auto", "NCHW", "NHWC", "map")
_MOST_CLASSES = 256
_TRUTHLESS = "no masks: the reference's pixels are the truth"


class SegmentationTask:
    """Intersection over union of each class, and pixels.

    Args:
        options: ``layout``: "NCHW", "NHWC" for scores, "map" for class indices, "auto"
            tells them by the number of classes; ``ignore_index``: class of pixels
            that do not count; ``threshold``: of a single score a pixel, 0.5;
            ``classes``: how many, where the golden data name none; ``output``,
            ``target``: names, where several could be meant.
        class_names: Of the classes.

    Raises:
        SuiteError: An option is not known or not allowed.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        class_names: Sequence[str] | None = None,
    ) -> None:
        read = Options("segmentation", options, _KNOWN)
        self._layout = read.choice("layout", _LAYOUTS, "auto")
        self._ignored = read.whole("ignore_index")
        self._threshold = read.number("threshold", 0.5, (-1e9, 1e9))
        self._output, self._target = read.text("output"), read.text("target")
        n_classes = read.whole("classes", 1)
        self._n = len(class_names) if class_names else n_classes
        self._names = class_names
        self._sums: PairedSums | None = None
        self._confusion: IntArray = np.zeros((2, 0, 0), np.int64)
        self._truthless = False

    def update(self, batch: ComparisonBatch) -> None:
        """Take in scores or class maps of either side.

        Raises:
            ComparisonError: Outputs are neither, or a mask has another size or a class
                that does not exist.
        """
        if self._output is None or self._output not in batch.reference:
            self._output = pick(
                batch.reference, self._output, _is_image, "seg|mask|logit|out", "output"
            )
        sides = [
            self._classes(side[self._output])
            for side in (batch.reference, batch.candidate)
        ]
        truth = self._truth(batch, sides[0])
        if self._sums is None:
            self._begin(self._known())
        assert self._sums is not None  # just begun
        counted = [self._count(index, side, truth) for index, side in enumerate(sides)]
        agreed = [_where(truth, self._ignored, side == sides[0]) for side in sides]
        added = [
            np.hstack([*count, same[:, None]])
            for count, same in zip(counted, agreed, strict=True)
        ]
        self._sums.update(buckets_of(batch.samples, batch.groups), *added)

    def merge(self, other: SegmentationTask) -> None:
        """Take in all that another task of the same classes has seen."""
        if other._sums is None:
            return
        if self._sums is None:
            self._begin(other._known())
        assert self._sums is not None  # just begun
        self._sums.merge(other._sums)
        self._confusion += other._confusion
        self._truthless |= other._truthless

    def result(self) -> TaskComparison | None:
        """Metrics over all pixels; None when there were none."""
        if self._sums is None:
            return None
        facts = {"pixel_agreement"}
        if self._truthless:
            facts |= set(_values(self._sums.totals[0][None]))
        return TaskComparison(
            task="segmentation",
            n=self._sums.n,
            metrics=self._sums.metrics(_values, facts),
            per_class=self._per_class(),
            confusion=self._told(),
            notes=(_TRUTHLESS,) if self._truthless else (),
        )

    def _known(self) -> int:
        if self._n is None:
            raise ComparisonError(
                "the number of classes is not known",
                hint="name the classes in the golden data, or set [task] classes = ...",
            )
        return self._n

    def _begin(self, n_classes: int) -> None:
        self._n = n_classes
        self._sums = PairedSums(3 * n_classes + 1)
        self._confusion = np.zeros((2, n_classes, n_classes + 1), np.int64)

    def _classes(self, array: Array) -> IntArray:
        """The class of each pixel, shape (n, height, width); -1 for a NaN."""
        axis = self._axis(array)
        if axis is None:
            return array.reshape(len(array), *_size(array)).astype(np.int64)
        if array.shape[axis] == 1:
            self._n = self._n or 2
            decided: IntArray = (array.squeeze(axis) >= self._threshold).astype(
                np.int64
            )
            return decided
        self._n = self._n or array.shape[axis]
        found: IntArray = array.argmax(axis=axis)
        if array.dtype.kind == "f":
            found[np.isnan(array).any(axis=axis)] = -1
        return found

    def _axis(self, array: Array) -> int | None:
        """Axis of the classes' scores; None where pixels are classes already."""
        if self._layout in ("NCHW", "NHWC") and array.ndim == 4:
            return 1 if self._layout == "NCHW" else 3
        whole = array.dtype.kind in "iub"
        if self._layout == "map" or (array.ndim == 3 and whole):
            return None
        if array.ndim != 4:
            raise ComparisonError(
                f"output {self._output!r} of shape {array.shape} is neither scores, "
                "(n, classes, height, width) or (n, height, width, classes), nor whole"
                " numbers (n, height, width)",
                hint="name the output, or its layout, in [task]",
            )
        return self._guessed(array, whole=whole)

    def _guessed(self, array: Array, *, whole: bool) -> int | None:
        ones = [axis for axis in (1, 3) if array.shape[axis] == 1]
        if whole and ones:
            return None
        fitting = [axis for axis in (1, 3) if array.shape[axis] == self._n] or ones
        if len(fitting) == 1:
            return fitting[0]
        raise ComparisonError(
            f"shape {array.shape} does not tell which axis counts the classes",
            hint='say so in [task]: layout = "NCHW" or "NHWC"',
        )

    def _truth(self, batch: ComparisonBatch, decided: IntArray) -> IntArray:
        found = pick_target(batch.targets, self._target, "masks?|target|seg", "masks")
        if found is None:
            self._truthless = True
            return decided
        shape = (len(found), *_size(found))
        if shape != decided.shape:
            raise ComparisonError(
                f"masks of shape {found.shape} for answers of {decided.shape[1:]} "
                "pixels",
                hint="store masks in the size that the model answers in",
            )
        truth = found.reshape(shape).astype(np.int64)
        counted = truth if self._ignored is None else truth[truth != self._ignored]
        if counted.size and not 0 <= counted.min() <= counted.max() < self._known():
            raise ComparisonError(
                f"masks hold class {counted.max()}, of {self._n} classes",
                hint="set [task] ignore_index for pixels that do not count",
            )
        return truth

    def _count(self, side: int, decided: IntArray, truth: IntArray) -> list[FloatArray]:
        """Of each sample: hits, true and claimed pixels a class."""
        n, width = len(truth), self._known() + 1
        counts = np.zeros((n, width - 1, width), np.int64)
        # One sample at a time: all at once would need a matrix a pixel's batch.
        for row in range(n):
            kept = truth[row] != self._ignored if self._ignored is not None else ...
            true, found = truth[row][kept].ravel(), decided[row][kept].ravel()
            found = np.where((found < 0) | (found >= width - 1), width - 1, found)
            chosen = true >= 0
            cells = true[chosen] * width + found[chosen]
            counts[row] = np.bincount(cells, minlength=counts[row].size).reshape(
                counts[row].shape
            )
        self._confusion[side] += counts.sum(axis=0)
        inner = counts[:, :, :-1]
        hits = inner.diagonal(axis1=1, axis2=2)
        parts = (hits, counts.sum(axis=2), inner.sum(axis=1))
        return [part.astype(np.float64) for part in parts]

    def _told(self) -> Confusion | None:
        if self._known() > _MOST_CLASSES:
            return None
        before, after = (
            tuple(map(tuple, side[:, :-1].tolist())) for side in self._confusion
        )
        return Confusion(tuple(self._class_names()), before, after)

    def _class_names(self) -> Sequence[str]:
        return self._names or [str(i) for i in range(self._known())]

    def _per_class(self) -> tuple[PartComparison, ...]:
        assert self._sums is not None  # the caller looked
        sides = [side[:-1].reshape(3, -1) for side in self._sums.totals]
        true = sides[0][1].astype(np.int64).tolist()
        return tuple(
            PartComparison(
                name, n, tuple(_of_class(n, *(side[:, i].tolist() for side in sides)))
            )
            for i, (name, n) in enumerate(zip(self._class_names(), true, strict=True))
        )


def _values(sums: FloatArray) -> dict[str, FloatArray]:
    hits, true, claimed = np.moveaxis(sums[:, :-1].reshape(len(sums), 3, -1), 1, 0)
    pixels = true.sum(axis=1)
    return {
        "mean_iou": mean_over(share(hits, true + claimed - hits)),
        "pixel_accuracy": share(hits.sum(axis=1), pixels),
        "mean_class_accuracy": mean_over(share(hits, true)),
        "pixel_agreement": share(sums[:, -1], pixels),
    }


def _of_class(
    n: int, reference: list[float], candidate: list[float]
) -> list[TaskMetric]:
    rates = []
    for hits, true, claimed in (reference, candidate):
        union = true + claimed - hits
        rates.append((hits / union if union else None, hits / true if true else None))
    (iou, recall), (iou_after, recall_after) = rates
    return [
        TaskMetric("iou", n, iou, iou_after),
        TaskMetric("recall", n, recall, recall_after),
    ]


def _where(truth: IntArray, ignored: int | None, same: Array) -> FloatArray:
    """Pixels a sample that are the same and count."""
    counts = same if ignored is None else same & (truth != ignored)
    summed: FloatArray = (counts & (truth >= 0)).sum(axis=(1, 2)).astype(np.float64)
    return summed


def _size(array: Array) -> tuple[int, ...]:
    """Height and width of (n, height, width), an axis of length 1 left out."""
    if array.ndim == 4:
        return array.shape[2:] if array.shape[1] == 1 else array.shape[1:3]
    return array.shape[1:]


def _is_image(array: Array) -> bool:
    return array.ndim in (3, 4) and array.dtype.kind in "iufb"
