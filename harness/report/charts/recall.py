"""Recall before and after, one drawing a class, and shares as bars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.charts.svg import Canvas

if TYPE_CHECKING:
    from harness.core.results import ClassComparison
    from harness.report.view.page import Svg

_DUMBBELL = (168.0, 18.0)
_SHARE = (168.0, 8.0)
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class RecallScale:
    """Recall in [low, 1] to pixels; `low` is a tenth, so that ticks are round."""

    low: float

    @classmethod
    def over(cls, rows: tuple[ClassComparison, ...]) -> RecallScale:
        """The scale that holds every recall and interval of the rows."""
        least = min((_least(row) for row in rows), default=0.0)
        return cls(min(math.floor(least * 10) / 10, 0.9))

    def __call__(self, recall: float) -> float:
        """The pixel from the left that a recall lies at."""
        share = (recall - self.low) / (1 - self.low)
        return 6 + max(share, 0.0) * (_DUMBBELL[0] - 12)


def _least(row: ClassComparison) -> float:
    interval = row.recall_interval or (1.0, 1.0)
    known = [r for r in (row.recall, row.recall_reference) if r is not None]
    return min([*known, interval[0]])


def recall_axis(scale: RecallScale) -> Svg:
    """Ticks of the dumbbells below: the scale's ends and its middle."""
    canvas = Canvas(_DUMBBELL[0], 14, "axis")
    middle = (scale.low + 1) / 2
    for recall, anchor in ((scale.low, "start"), (middle, "middle"), (1.0, "end")):
        x = scale(recall) + {"start": -6, "middle": 0, "end": 6}[anchor]
        canvas.text((x, 11), f"{100 * recall:.0f} %", f"tick {anchor}")
    return canvas.markup()


def dumbbell(row: ClassComparison, scale: RecallScale) -> Svg | None:
    """Recall before (ring) and after (dot) with its interval; None without samples."""
    if row.recall is None or row.recall_reference is None:
        return None
    canvas = Canvas(*_DUMBBELL, "dumbbell", scales=False)
    middle = _DUMBBELL[1] / 2
    before, after = scale(row.recall_reference), scale(row.recall)
    canvas.lines(map(scale, (scale.low, (scale.low + 1) / 2, 1.0)), "grid")
    if row.recall_interval:
        low, high = map(scale, row.recall_interval)
        canvas.line((low, middle), (high, middle), "interval")
    kind = _direction(row.recall - row.recall_reference)
    canvas.line((before, middle), (after, middle), f"change {kind}")
    canvas.circle(before, middle, 4, "before")
    canvas.circle(after, middle, 4 if kind != "same" else 2, f"after {kind}")
    return canvas.markup()


def marks(row: ClassComparison, scale: RecallScale) -> tuple[float, ...]:
    """Pixels of what `dumbbell` draws: before, after, interval; empty without samples.

    The script draws the same of these in rows that it makes.
    """
    if row.recall is None or row.recall_reference is None:
        return ()
    ends = row.recall_interval or ()
    known = (row.recall_reference, row.recall, *ends)
    return tuple(round(scale(recall), 1) for recall in known)


def _direction(change: float) -> str:
    if abs(change) < _SAME:
        return "same"
    return "better" if change > 0 else "worse"


def share_bar(share: float) -> Svg:
    """A share in [0, 1] as a bar on its whole."""
    canvas = Canvas(*_SHARE, "share")
    canvas.rect((0, 0), _SHARE, "track")
    canvas.rect((0, 0), (_SHARE[0] * min(max(share, 0.0), 1.0), _SHARE[1]), "fill")
    return canvas.markup()
