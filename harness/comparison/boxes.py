"""Boxes: their formats, how far they overlap, which of them are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, IntArray

    FloatArray = NDArray[np.float64]

FORMATS = ("xyxy", "xywh", "cxcywh", "yxyx")
"""Corners; corner and size; centre and size; corners with y first."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """The boxes of one image.

    Attributes:
        corners: x and y of the upper left, of the lower right, shape (k, 4).
        classes: Shape (k,).
        scores: Shape (k,); ones for the truth.
    """

    corners: FloatArray
    classes: IntArray
    scores: FloatArray

    def where(self, chosen: Array) -> Boxes:
        """Those that a mask or indices choose."""
        return Boxes(self.corners[chosen], self.classes[chosen], self.scores[chosen])

    def __len__(self) -> int:
        return len(self.classes)


def to_corners(boxes: Array, form: str) -> FloatArray:
    """Boxes of any format as corners, in float64.

    Args:
        boxes: Shape (..., 4).
        form: One of `FORMATS`.
    """
    values = boxes.astype(np.float64)
    if form == "yxyx":
        return values[..., [1, 0, 3, 2]]
    if form == "xyxy":
        return values
    start, size = values[..., :2], values[..., 2:]
    if form == "cxcywh":
        start = start - size / 2
    return np.concatenate([start, start + size], axis=-1)


def overlaps(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of each pair of boxes, shape (len(first), len(second)).

    Boxes without area overlap with nothing.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    union = _areas(first)[:, None] + _areas(second)[None, :] - inside
    found: FloatArray = np.divide(
        inside, union, out=np.zeros(inside.shape), where=union > 0
    )
    return found


def matches(found: FloatArray, thresholds: FloatArray) -> IntArray:
    """The true box of each detection at each threshold, -1 where it has none.

    As COCO matches: by falling score, each detection takes the true box that overlaps
    most of those nobody took, of equal ones the last.

    Args:
        found: Overlaps, shape (detections by falling score, true boxes).
        thresholds: Least overlap, shape (t,).

    Returns:
        Shape (detections, t).
    """
    n_found, n_true = found.shape
    taken = np.zeros((len(thresholds), n_true), bool)
    chosen = np.full((n_found, len(thresholds)), -1, np.int64)
    least = np.minimum(thresholds, 1 - 1e-10)[:, None]
    rows = np.arange(len(thresholds))
    close = found.max(axis=1, initial=0.0) >= least.min()
    for index in np.flatnonzero(close).tolist():
        free = np.where(~taken & (found[index] >= least), found[index], -1.0)
        best = n_true - 1 - free[:, ::-1].argmax(axis=1)
        hit = free[rows, best] >= 0
        taken[rows[hit], best[hit]] = True
        chosen[index, hit] = best[hit]
    return chosen


def _areas(boxes: FloatArray) -> FloatArray:
    sizes: FloatArray = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return sizes
