"""Golden inputs reduced to what a reader takes in: a picture, lines, or words."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.error_maps import pooled
from harness.core.png import picture
from harness.core.results import Preview

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.core.protocols import Array, FloatArray

MOST_PIXELS = 48
MOST_POINTS = 96
MOST_LINES = 4
MOST_TEXT = 280
_FEW_NUMBERS = 12
_LEAST_SIDE = 4
_COLOURS = (1, 3, 4)
# What an eye does not see in a thumbnail costs half of its bytes.
_STEP = 4


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A reduced input; a picture is still pixels, as few of them are ever written.

    Attributes:
        shape: Of the sample.
        pixels: uint8, shape (height, width, 1 or 3).
        lines: As of `Preview`.
        text: Likewise.
    """

    shape: tuple[int, ...]
    pixels: NDArray[np.uint8] | None = None
    lines: tuple[tuple[float | None, ...], ...] = ()
    text: str | None = None

    def preview(self, name: str) -> Preview:
        """The record of it."""
        if self.pixels is None:
            return Preview(name, self.shape, lines=self.lines, text=self.text)
        height, width, _ = self.pixels.shape
        png = picture(width, height, self.pixels.tobytes())
        encoded = base64.b64encode(png).decode("ascii")
        return Preview(name, self.shape, encoded, (width, height))


def look(sample: Array) -> Look:
    """Reduce one golden input.

    Three axes of which one counts 1, 3 or 4 colours are a picture, two long ones too;
    one axis, or a long and a short one, are signals; a few numbers are words. Of
    anything else the shape alone is told.

    Args:
        sample: One input of one sample, without the axis of samples.
    """
    shape = tuple(sample.shape)
    if sample.dtype.kind in "OSU":
        return Look(shape, text=_words(sample))
    if sample.dtype.kind not in "biuf":
        return Look(shape)
    if sample.size <= _FEW_NUMBERS:
        return Look(shape, text=", ".join(f"{v:.4g}" for v in sample.ravel().tolist()))
    space = _picture_axes(shape)
    if space is not None:
        return Look(shape, pixels=_pixels(sample, space))
    lines = _line_axes(shape)
    return Look(shape) if lines is None else Look(shape, lines=_lines(sample, lines))


def _words(sample: Array) -> str:
    # A whole column of text may be one sample's tokens.
    told = " ".join(str(one)[: MOST_TEXT + 1] for one in sample.ravel()[:MOST_TEXT])
    return told if len(told) <= MOST_TEXT else f"{told[: MOST_TEXT - 3]}..."


def _picture_axes(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Axis order that makes a sample (height, width[, colours])."""
    if len(shape) == 2:
        long = max(shape) <= 8 * min(shape) and min(shape) >= 2 * _LEAST_SIDE
        return (0, 1) if long else None
    if len(shape) != 3:
        return None
    for order in ((0, 1, 2), (1, 2, 0)):
        height, width, colours = (shape[axis] for axis in order)
        if colours in _COLOURS and min(height, width) >= _LEAST_SIDE:
            return order
    return None


def _pixels(sample: Array, order: tuple[int, ...]) -> NDArray[np.uint8]:
    values = sample.transpose(order).astype(np.float64)
    planes = values[..., None] if values.ndim == 2 else values
    shown = planes[..., : 3 if planes.shape[2] >= 3 else 1]
    small = np.stack(
        [
            pooled(np.nan_to_num(plane), MOST_PIXELS)
            for plane in np.moveaxis(shown, 2, 0)
        ],
        axis=2,
    )
    low, high = (0.0, 255.0) if sample.dtype == np.uint8 else _range(small)
    scaled = np.clip((small - low) / ((high - low) or 1.0), 0.0, 1.0) * 255
    coarse = np.round(scaled / _STEP) * _STEP
    pixels: NDArray[np.uint8] = np.minimum(coarse, 255).astype(np.uint8)
    return pixels


def _range(values: FloatArray) -> tuple[float, float]:
    """0 to 1 where that holds all, else the sample's own extremes."""
    low, high = float(values.min()), float(values.max())
    return (0.0, 1.0) if low >= 0.0 and 0.5 < high <= 1.0 else (low, high)


def _line_axes(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Axes of (channels, time); of one axis the first is none, written -1."""
    if len(shape) == 1:
        return -1, 0
    if len(shape) != 2:
        return None
    return (1, 0) if shape[0] >= shape[1] else (0, 1)


def _lines(
    sample: Array, axes: tuple[int, int]
) -> tuple[tuple[float | None, ...], ...]:
    channels = sample[None] if axes[0] < 0 else sample.transpose(axes)
    return tuple(_line(channel.astype(np.float64)) for channel in channels[:MOST_LINES])


def _line(values: FloatArray) -> tuple[float | None, ...]:
    """At most `MOST_POINTS` values: the extremes of even stretches, in their order."""
    if len(values) > MOST_POINTS:
        stretches = np.array_split(values, MOST_POINTS // 2)
        at = [sorted((int(s.argmin()), int(s.argmax()))) for s in stretches]
        pairs = zip(stretches, at, strict=True)
        values = np.concatenate([s[places] for s, places in pairs])
    rounded = (float(f"{v:.4g}") for v in values.tolist())
    return tuple(v if np.isfinite(v) else None for v in rounded)
