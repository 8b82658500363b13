"""Where in the space of an output its error lies, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.text import percent_cell, quantity, scientific
from harness.report.view.cells import name
from harness.report.view.page import Picture, Pictures
from harness.report.view.pixels import plane_picture

if TYPE_CHECKING:
    from harness.core.results import ErrorMap, OutputComparison

_MAX_MAPS = 8


def error_maps(outputs: tuple[OutputComparison, ...]) -> list[Pictures]:
    """A picture an output that has rows and columns; nothing where none has."""
    drawn = [
        _picture(output, output.error_map)
        for output in outputs
        if output.error_map is not None and _is_whole(output.error_map)
    ]
    if not drawn:
        return []
    return [
        Pictures(
            title="Where in the output the error lies",
            pictures=tuple(drawn[:_MAX_MAPS]),
            detail="mean |c \u2212 r| over samples and channels, by row and column; "
            "the darkest is the largest.",
        )
    ]


def _is_whole(found: ErrorMap) -> bool:
    """An edited file may hold rows of unequal length."""
    return bool(found.mean) and len({len(row) for row in found.mean} - {0}) == 1


def _picture(output: OutputComparison, found: ErrorMap) -> Picture:
    src, size = plane_picture(found.mean)
    height, width = found.shape
    return Picture(
        caption=name(output.name, 44),
        src=src,
        alt=f"Error map of {name(output.name, 44).text}: {_words(output, found)}",
        size=size,
        note=f"{height} \u00d7 {width}, {_words(output, found)}",
        kind="magnitudes",
    )


def _words(output: OutputComparison, found: ErrorMap) -> str:
    """The darkest place, and how much lies on the border."""
    peak, row, column = max(
        (value, -i, -j)
        for i, values in enumerate(found.mean)
        for j, value in enumerate(values)
    )
    rows, columns = len(found.mean), len(found.mean[0])
    at = (-row * found.shape[0] // rows, -column * found.shape[1] // columns)
    border = output.border_share
    told = "" if border is None else f"; {percent_cell(border)} of it on the border"
    samples = quantity(found.n_samples, "sample")
    return f"at most {scientific(peak)} at row {at[0]}, column {at[1]}, {samples}{told}"
