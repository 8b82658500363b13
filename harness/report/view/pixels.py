"""Matrices as pictures: classes by classes, or rows by columns of an output."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING

from harness.core.png import painted

if TYPE_CHECKING:
    from collections.abc import Iterable

    Colour = tuple[int, int, int, int]

STEPS = 9
MOST_PIXELS = 300
_PLANE = 192
# Opacities by step: the same shares of the ink as the cells of small matrices.
_OPACITIES = (0, 30, 48, 68, 90, 115, 145, 175, 205, 235)
_INK = (21, 24, 28)
# One pair that tells apart in every common colour blindness, on white and on black.
_WORSE, _BETTER = (214, 94, 0), (34, 113, 200)

MAGNITUDES: tuple[Colour, ...] = tuple((*_INK, alpha) for alpha in _OPACITIES)
CHANGES: tuple[Colour, ...] = (
    *((*_WORSE, alpha) for alpha in _OPACITIES),
    *((*_BETTER, alpha) for alpha in _OPACITIES[1:]),
)
"""Colours by number: 0 is nothing, then worse by step, then better by step."""


def step(share: float) -> int:
    """Steps of the square root of a share, so that what is rare shows."""
    return min(max(math.ceil(STEPS * math.sqrt(share)), 1), STEPS) if share > 0 else 0


def block_of(n: int) -> int:
    """Classes that share a pixel."""
    return math.ceil(n / MOST_PIXELS)


def matrix_picture(
    n: int, cells: Iterable[tuple[int, int, int]], palette: tuple[Colour, ...]
) -> tuple[str, tuple[int, int]]:
    """A square picture of a sparse matrix: its address, and its size on the page.

    Args:
        n: Rows and columns.
        cells: Row, column and the number of a colour; of cells that share a pixel the
            strongest is seen.
        palette: `MAGNITUDES` or `CHANGES`.
    """
    block = block_of(n)
    side = math.ceil(n / block)
    pixels = bytearray(side * side)
    reach = 2 if side > MOST_PIXELS // 2 else 1
    for row, column, colour in cells:
        top, left = row // block, column // block
        # A single point of many is easily overlooked: off the diagonal it is four.
        wide = range(reach if row != column else 1)
        for at in {(top + i, left + j) for i in wide for j in wide}:
            _paint(pixels, side, at, colour)
    png = painted(side, side, bytes(pixels), palette)
    shown = MOST_PIXELS // side * side if block == 1 else MOST_PIXELS
    return address(png), (shown, shown)


def _paint(pixels: bytearray, side: int, at: tuple[int, int], colour: int) -> None:
    place = at[0] * side + at[1]
    if max(at) < side and _strength(colour) > _strength(pixels[place]):
        pixels[place] = colour


def plane_picture(rows: tuple[tuple[float, ...], ...]) -> tuple[str, tuple[int, int]]:
    """A picture of magnitudes, the largest the darkest; address and size."""
    peak = max((value for row in rows for value in row), default=0.0) or 1.0
    pixels = bytes(step(value / peak) for row in rows for value in row)
    height, width = len(rows), len(rows[0])
    scale = max(_PLANE // max(width, height), 1)
    png = painted(width, height, pixels, MAGNITUDES)
    return address(png), (width * scale, height * scale)


def address(png: bytes) -> str:
    """The picture itself as an address."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _strength(colour: int) -> int:
    return colour if colour <= STEPS else colour - STEPS
