"""Convolutions and pools over channels-last arrays, with TensorFlow's SAME padding.

SAME: P = max((ceil(n / s) - 1) s + (k - 1) d + 1 - n, 0), the odd one at the end
(tensorflow/core/framework/common_shape_fns.cc); ONNX's SAME_UPPER.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.graphs.translate.words import channels_first, channels_last

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.graphs.translate.emitter import Emitter


@dataclass(frozen=True, slots=True)
class Window:
    """How a window moves.

    Attributes:
        kernel: Lengths of its spatial axes.
        strides: Likewise.
        padding: "SAME", "VALID", or (begin, end) an axis.
        dilations: Likewise; empty for 1.
        spatial: Lengths of the input's spatial axes, None where they are free.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str | tuple[tuple[int, int], ...] = "VALID"
    dilations: tuple[int, ...] = ()
    spatial: tuple[int | None, ...] = ()

    @property
    def rank(self) -> int:
        """Axes of the array that it moves over."""
        return len(self.kernel) + 2

    def attributes(self) -> dict[str, Any]:
        """For Conv and the pools."""
        told: dict[str, Any] = {
            "kernel_shape": list(self.kernel),
            "strides": list(self.strides),
        }
        if any(d != 1 for d in self.dilations):
            told["dilations"] = list(self.dilations)
        return {**told, **self._pads()}

    def _pads(self) -> dict[str, Any]:
        if self.padding == "VALID":
            return {}
        if not isinstance(self.padding, str):
            pairs: Sequence[tuple[int, int]] = self.padding
        else:
            same = [self._same(axis) for axis in range(len(self.kernel))]
            pairs = [pair for pair in same if pair is not None]
            if len(pairs) < len(same):
                return {"auto_pad": "SAME_UPPER"}
        if not any(map(any, pairs)):
            return {}
        return {"pads": [p[0] for p in pairs] + [p[1] for p in pairs]}

    def _same(self, axis: int) -> tuple[int, int] | None:
        """Before and after; None where that depends on a length that is free."""
        k, s = self.kernel[axis], self.strides[axis]
        d = self.dilations[axis] if self.dilations else 1
        n = self.spatial[axis] if self.spatial else None
        if n is None and s > 1:
            return None
        # At stride 1 every length takes as much.
        n = n or 1
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        return total // 2, total - total // 2


def conv(
    e: Emitter, x: str, weights: str, bias: str, window: Window, group: int = 1
) -> str:
    """A convolution of (N, spatial..., C) by weights (O, I / group, spatial...).

    Args:
        e: Where to.
        x: Name of the input.
        weights: Name of the weights.
        bias: Name of (O,), or nothing.
        window: How it moves.
        group: Groups of channels.
    """
    inner = channels_first(e, x, window.rank)
    operands = [inner, weights, bias] if bias else [inner, weights]
    done = e.emit("Conv", *operands, group=group, **window.attributes())
    return channels_last(e, done, window.rank)


def transposed_conv(
    e: Emitter,
    x: str,
    weights: str,
    bias: str,
    window: Window,
    lengths: Sequence[int | None],
) -> str:
    """The gradient of a convolution, by weights (I, O, spatial...).

    Args:
        e: Where to.
        x: Name of the input, (N, spatial..., C).
        weights: Name of the weights.
        bias: Name of (O,), or nothing.
        window: As of the convolution; `spatial` is that of `x`.
        lengths: Spatial lengths of the answer; None takes what Keras would.
    """
    inner = channels_first(e, x, window.rank)
    begins, ends, extras = [], [], []
    for axis in range(len(window.kernel)):
        begin, end, extra = _cropped(window, axis, lengths[axis])
        begins.append(begin)
        ends.append(end)
        extras.append(extra)
    operands = [inner, weights, bias] if bias else [inner, weights]
    done = e.emit(
        "ConvTranspose",
        *operands,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        pads=begins + ends,
        output_padding=extras,
    )
    return channels_last(e, done, window.rank)


def _cropped(window: Window, axis: int, length: int | None) -> tuple[int, int, int]:
    """(crop before, crop after, rows to add) of one axis."""
    k, s = window.kernel[axis], window.strides[axis]
    n = window.spatial[axis] if window.spatial else None
    if length is None or n is None:
        short = max(s - k, 0)
        total = max(k - s, 0) if window.padding == "SAME" else 0
        return total // 2, total - total // 2, short
    covered = (n - 1) * s + k
    total = max(covered - length, 0) if window.padding == "SAME" else 0
    return total // 2, total - total // 2, length - covered + total


def pool(e: Emitter, op_type: str, x: str, window: Window) -> str:
    """MaxPool or AveragePool of (N, spatial..., C); padding is never counted."""
    inner = channels_first(e, x, window.rank)
    done = e.emit(op_type, inner, **window.attributes())
    return channels_last(e, done, window.rank)
