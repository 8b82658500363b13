"""Average precision of boxes, as COCO counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.comparison.boxes import Boxes, matches, overlaps
from harness.comparison.jackknife import PARTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, IntArray

    FloatArray = NDArray[np.float64]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0.0, 1.0, 101)
_FIELDS = (
    ("class", np.int32),
    ("score", np.float64),
    ("sample", np.int64),
    ("rank", np.int32),
    ("part", np.int8),
)


class Detections:
    """Scores of one side's boxes, and at which overlaps each of them is right.

    An image adds at most `most` boxes a class, 35 bytes each; pictures and coordinates
    are not kept.

    Args:
        most: Boxes a class and image, those with the highest scores.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._fields: dict[str, list[Array]] = {name: [] for name, _ in _FIELDS}
        self._right: list[Array] = []
        self._true: dict[tuple[int, int], int] = {}
        self._parts: set[int] = set()

    def update(self, sample: int, part: int, found: Boxes, truth: Boxes) -> None:
        """Take in one image.

        Args:
            sample: Its index.
            part: Of the jackknife, in [0, `PARTS`).
            found: Detections, in any order.
            truth: True boxes.
        """
        self._parts.add(part)
        for one, count in zip(
            *np.unique(truth.classes, return_counts=True), strict=True
        ):
            key = (int(one), part)
            self._true[key] = self._true.get(key, 0) + int(count)
        for one in np.unique(found.classes).tolist():
            mine = found.where(found.classes == one)
            mine = mine.where(np.argsort(-mine.scores, kind="stable")[: self._most])
            true = truth.where(truth.classes == one)
            taken = matches(overlaps(mine.corners, true.corners), THRESHOLDS)
            self._add(one, sample, part, mine.scores, taken >= 0)

    def merge(self, other: Detections) -> None:
        """Take in all that another has seen."""
        for name, chunks in other._fields.items():
            self._fields[name] += chunks
        self._right += other._right
        self._parts |= other._parts
        for key, count in other._true.items():
            self._true[key] = self._true.get(key, 0) + count

    def n_true(self, n_classes: int) -> IntArray:
        """True boxes a class and part, shape (classes, `PARTS`)."""
        counts = np.zeros((n_classes, PARTS), np.int64)
        for (one, part), count in self._true.items():
            counts[one, part] = count
        return counts

    @property
    def n_classes(self) -> int:
        """One more than the largest class that was seen."""
        seen = [one for one, _ in self._true]
        seen += [int(chunk[0]) for chunk in self._fields["class"]]
        return max(seen, default=-1) + 1

    def precisions(self, n_classes: int) -> FloatArray:
        """Average precision over all images, then without each part that has any.

        Args:
            n_classes: Classes.

        Returns:
            Shape (1 + parts, classes, thresholds); NaN for classes without a true
            box.
        """
        true = self.n_true(n_classes)
        rounds = [-1, *sorted(self._parts)]
        table = np.full((len(rounds), n_classes, len(THRESHOLDS)), np.nan)
        columns, right = self._columns()
        order = np.lexsort(
            (columns["rank"], columns["sample"], -columns["score"], columns["class"])
        )
        bounds = np.searchsorted(columns["class"][order], np.arange(n_classes + 1))
        for one in range(n_classes):
            rows = order[bounds[one] : bounds[one + 1]]
            parts, hits = columns["part"][rows], right[rows]
            for place, without in enumerate(rounds):
                kept = parts != without
                n = int(true[one].sum() - (true[one, without] if place else 0))
                table[place, one] = interpolated_precision(hits[kept], n)
        return table

    def _add(
        self, one: int, sample: int, part: int, scores: FloatArray, right: Array
    ) -> None:
        n = len(scores)
        values: tuple[Any, ...] = (one, scores, sample, np.arange(n), part)
        for (name, dtype), value in zip(_FIELDS, values, strict=True):
            self._fields[name].append(np.broadcast_to(value, n).astype(dtype))
        self._right.append(right)

    def _columns(self) -> tuple[dict[str, Array], Array]:
        columns = {
            name: np.concatenate([np.zeros(0, dtype), *self._fields[name]])
            for name, dtype in _FIELDS
        }
        none = np.zeros((0, len(THRESHOLDS)), bool)
        return columns, np.concatenate([none, *self._right])


def interpolated_precision(right: Array, n_true: int) -> FloatArray:
    """Mean precision at 101 recalls, precision made falling (Lin et al. 2014, COCO).

    Args:
        right: Detections by falling score, shape (n, thresholds) of bool.
        n_true: True boxes.

    Returns:
        Shape (thresholds,); NaN where nothing is true.
    """
    n, width = right.shape
    if n_true == 0:
        return np.full(width, np.nan)
    hits = np.cumsum(right, axis=0, dtype=np.float64)
    recall = hits / n_true
    precision = hits / np.arange(1, n + 1)[:, None]
    falling = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    falling = np.vstack([falling, np.zeros((1, width))])
    means = np.empty(width)
    for column in range(width):
        places = np.searchsorted(recall[:, column], _RECALLS, side="left")
        means[column] = falling[places, column].mean()
    return means
