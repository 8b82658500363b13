"""An error over the places of an image: the darker, the larger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.charts.svg import Canvas, fixed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.results import StepMap
    from harness.report.view.page import Svg

_LONGEST, _SHORTEST = 224.0, 14.0
_LEVELS = 8


def error_map(found: StepMap) -> Svg:
    """A cell a place, shaded by its share of the largest error.

    Level 0, which is not drawn, holds what is at most a sixteenth of the largest.
    """
    rows, columns = len(found.rows), len(found.rows[0])
    side = _LONGEST / max(rows, columns)
    size = side * columns, max(side * rows, _SHORTEST)
    canvas = Canvas(*size, "error-map")
    canvas.rect((0, 0), size, "field")
    for level in range(1, _LEVELS + 1):
        path = "".join(_runs(found, level, side, size[1] / rows))
        if path:
            canvas.path(path, f"cell level-{level}")
    return canvas.markup()


def _runs(found: StepMap, wanted: int, side: float, tall: float) -> Iterator[str]:
    """Neighbours of one level are one rectangle."""
    largest = max(map(max, found.rows))
    for place, row in enumerate(found.rows):
        levels = [round(_LEVELS * error / largest) for error in row]
        start = 0
        for column in range(1, len(levels) + 1):
            if column < len(levels) and levels[column] == levels[start]:
                continue
            if levels[start] == wanted:
                wide = fixed(side * (column - start))
                corner = f"M{fixed(side * start)} {fixed(tall * place)}"
                yield f"{corner}h{wide}v{fixed(tall)}h-{wide}z"
            start = column
