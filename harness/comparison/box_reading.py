"""Boxes of each image, from what a detector answers and from golden targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.boxes import FORMATS, Boxes, to_corners
from harness.comparison.picking import pick
from harness.core.errors import ComparisonError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.comparison.options import Options
    from harness.core.protocols import Array, Arrays

KNOWN = (
    *("boxes", "scores", "classes", "counts", "format", "normalized", "class_offset"),
    *("target_format", "target_normalized", "image_size"),
)


@dataclass(frozen=True, slots=True)
class BoxNames:
    """Names of a detector's outputs, where the suite says them."""

    boxes: str | None
    scores: str | None
    classes: str | None
    counts: str | None


class BoxReader:
    """Turns outputs and targets into boxes of one unit.

    Args:
        read: The suite's options.
    """

    def __init__(self, read: Options) -> None:
        self._names = BoxNames(
            *(read.text(name) for name in ("boxes", "scores", "classes", "counts"))
        )
        self._form = read.choice("format", FORMATS, "xyxy")
        self._true_form = read.choice("target_format", FORMATS, self._form)
        self._offset = 0
        if "class_offset" in read:
            self._offset = int(read.number("class_offset", 0, (-1e6, 1e6)))
        shares = read.flag("normalized")
        size = read.wholes("image_size", ())
        if len(size) not in (0, 2):
            raise read.refused("image_size", "[width, height]")
        differ = shares != read.flag("target_normalized", shares)
        if differ and not size:
            raise read.refused("image_size", "[width, height], for units that differ")
        scale = np.array([*size, *size] if size else [1.0] * 4, np.float64)
        self._scale = scale if differ and shares else np.ones(4)
        self._true_scale = scale if differ and not shares else np.ones(4)

    def answers(self, outputs: Arrays) -> Iterator[Boxes]:
        """The boxes of each image, those with no score above 0 left out.

        Args:
            outputs: Of one side: boxes (n, k, 4), scores (n, k) or (n, k, classes),
                classes (n, k) beside scores of rank 2, counts (n,) or none.

        Raises:
            ComparisonError: Nothing tells which output is which, or shapes differ.
        """
        boxes = outputs[self._name(outputs, "boxes", _is_boxes, "box")]
        rest = {name: a for name, a in outputs.items() if a is not boxes}
        scores = rest[self._name(rest, "scores", _is_scores, "scores?|conf|prob")]
        rest = {name: a for name, a in rest.items() if a is not scores}
        if scores.ndim == 3 and scores.shape[2] > 1:
            classes, scores = scores.argmax(axis=2), scores.max(axis=2)
        else:
            scores = scores.reshape(scores.shape[:2])
            name = self._name(rest, "classes", _is_pairs, "class|label|categor")
            classes = rest[name].reshape(len(boxes), -1)
        if not boxes.shape[:2] == scores.shape == classes.shape:
            raise ComparisonError(
                f"boxes {boxes.shape}, scores {scores.shape} and classes "
                f"{classes.shape} are not of the same detections",
                hint="name them in [task]: boxes = ..., scores = ..., classes = ...",
            )
        counts = self._counts(rest, len(boxes), boxes.shape[1])
        corners = to_corners(boxes, self._form) * self._scale
        index = np.round(classes).astype(np.int64) + self._offset
        there = np.arange(boxes.shape[1]) < counts[:, None]
        kept = there & (index >= 0) & (scores > 0) & np.isfinite(corners).all(axis=2)
        for row in range(len(boxes)):
            chosen = kept[row]
            own = scores[row][chosen].astype(np.float64)
            yield Boxes(corners[row][chosen], index[row][chosen], own)

    def truth(self, targets: Arrays) -> Iterator[Boxes] | None:
        """The true boxes of each image; None where the golden data have none.

        Args:
            targets: ``boxes`` (n, k, 4) and ``classes`` (n, k), ended by class -1 or
                counted by ``counts`` (n,).

        Raises:
            ComparisonError: There are boxes without classes, or the other way round.
        """
        boxes = _usual(targets, ("boxes", "bboxes", "box"))
        classes = _usual(targets, ("classes", "labels", "class"))
        if boxes is None and classes is None:
            return None
        if boxes is None or classes is None or boxes.shape[:2] != classes.shape:
            raise ComparisonError(
                f"true boxes need target_boxes (n, k, 4) and target_classes (n, k); "
                f"there are {', '.join(targets) or 'none'}",
                hint="pad them with class -1, or count them in target_counts",
            )
        return self._true(boxes, classes, _usual(targets, ("counts", "count")))

    def _true(
        self, boxes: Array, classes: Array, counts: Array | None
    ) -> Iterator[Boxes]:
        corners = to_corners(boxes, self._true_form) * self._true_scale
        n = boxes.shape[1]
        counted = np.full(len(boxes), n) if counts is None else counts.reshape(-1)
        kept = (classes >= 0) & (np.arange(n) < counted[:, None])
        for row in range(len(boxes)):
            own = classes[row][kept[row]].astype(np.int64)
            yield Boxes(corners[row][kept[row]], own, np.ones(len(own)))

    def _name(self, outputs: Arrays, key: str, fits: FitsShape, usual: str) -> str:
        wanted = getattr(self._names, key)
        return pick(outputs, wanted, fits, usual, f"output with the {key}")

    def _counts(self, rest: Arrays, n: int, most: int) -> Array:
        wanted = self._names.counts
        if wanted is None and not any("count" in x or "num" in x for x in rest):
            return np.full(n, most)
        fits = {k: a for k, a in rest.items() if a.size == n}
        name = pick(fits, wanted, _is_any, "num|count", "output with the counts")
        return np.round(rest[name].reshape(-1)).astype(np.int64)


if TYPE_CHECKING:
    from collections.abc import Callable

    FitsShape = Callable[[Array], bool]


def _usual(targets: Arrays, names: tuple[str, ...]) -> Array | None:
    return next((targets[name] for name in names if name in targets), None)


def _is_boxes(array: Array) -> bool:
    return array.ndim == 3 and array.shape[2] == 4


def _is_scores(array: Array) -> bool:
    return array.ndim in (2, 3) and array.dtype.kind == "f"


def _is_pairs(array: Array) -> bool:
    return array.ndim == 2 and array.dtype.kind in "iuf"


def _is_any(array: Array) -> bool:
    return array.dtype.kind in "iuf"
