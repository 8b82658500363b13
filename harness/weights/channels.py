"""Output channels of a weight: which axis they lie along, and blocks of whole ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.core.tensors import ChannelRanges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.core.protocols import Array, FloatArray, WeightTensor

# As many ranges as a picture can show, and a report should carry.
MAX_RANGES = 256
# Operators whose weight has its outputs last.
_OUTPUTS_LAST = frozenset({"MatMul", "Dense", "BatchMatMul", "MatMulV2"})


def channel_axis(tensor: WeightTensor) -> int | None:
    """The axis of a weight's output channels; None for vectors and numbers.

    That of its scales where it is quantized by channel; else that of its layout's O,
    G, or the longer of I and M for a depthwise kernel; else the last axis for an
    operator that multiplies from the left, and the first one otherwise. Without a
    layout, what has more than two axes and is longer than 1 along one at most is a
    vector.
    """
    rank = len(tensor.shape)
    if rank < 2:
        return None
    if tensor.codes is not None and tensor.codes.axis is not None:
        return tensor.codes.axis % rank
    layout = tensor.layout or ""
    if len(layout) == rank:
        for letters in ("O", "G", "IM"):
            named = [i for i, letter in enumerate(layout) if letter in letters]
            if named and (letters != "IM" or "M" in layout):
                return max(named, key=lambda i: tensor.shape[i])
    # Of shape (1, 16, 1, 1): a vector, shaped to be broadcast.
    if rank > 2 and sum(n > 1 for n in tensor.shape) < 2:
        return None
    return rank - 1 if tensor.op_type in _OUTPUTS_LAST else 0


class ChannelBlock(NamedTuple):
    """Some elements of some channels.

    Attributes:
        values: Shape (outer, channels, inner): the channels' axis is the second.
        channels: Which channels.
    """

    values: Array
    channels: slice


def channel_blocks(
    values: Array, axis: int | None, block: int
) -> Iterator[ChannelBlock]:
    """All elements, as views of at most about `block` elements; in C order.

    Args:
        values: Of any shape.
        axis: The channels' axis; None takes all as one channel.
        block: Elements a block.
    """
    cube = _cube(values, axis)
    outer, channels, inner = cube.shape
    step_inner = min(inner, block)
    step_channels = min(max(block // max(inner, 1), 1), channels)
    step_outer = min(max(block // max(channels * inner, 1), 1), outer)
    for i in range(0, outer, max(step_outer, 1)):
        for j in range(0, channels, max(step_channels, 1)):
            for k in range(0, inner, max(step_inner, 1)):
                where = slice(j, min(j + step_channels, channels))
                part = cube[i : i + step_outer, where, k : k + step_inner]
                yield ChannelBlock(part, where)


def _cube(values: Array, axis: int | None) -> Array:
    flat = np.ascontiguousarray(values)
    if axis is None:
        return flat.reshape(1, 1, -1)
    outer = math.prod(values.shape[:axis])
    inner = math.prod(values.shape[axis + 1 :])
    return flat.reshape(outer, values.shape[axis], inner)


class ChannelExtremes:
    """Streaming ranges of channels.

    Args:
        n: How many channels.
    """

    def __init__(self, n: int) -> None:
        self._low = np.full(n, np.inf)
        self._high = np.full(n, -np.inf)

    def update(self, block: ChannelBlock) -> tuple[float, float]:
        """Take in some elements of some channels.

        Returns:
            Smallest and largest of them all; one of both is not finite where an
            element is not.
        """
        part, where = block
        least, most = part.min(axis=(0, 2)), part.max(axis=(0, 2))
        found = float(least.min()), float(most.max())
        if not (math.isfinite(found[0]) and math.isfinite(found[1])):
            finite = np.isfinite(part)
            least = np.where(finite, part, np.inf).min(axis=(0, 2))
            most = np.where(finite, part, -np.inf).max(axis=(0, 2))
        self._low[where] = np.minimum(self._low[where], least)
        self._high[where] = np.maximum(self._high[where], most)
        return found

    def result(self) -> tuple[FloatArray, FloatArray]:
        """Each channel's smallest and largest finite element, float64.

        Infinity and minus infinity where a channel has none.
        """
        return self._low, self._high


def channel_ranges(axis: int, low: FloatArray, high: FloatArray) -> ChannelRanges:
    """The record of what `ChannelExtremes` found."""
    largest = np.maximum(np.abs(low), np.abs(high))
    known = largest[np.isfinite(largest) & (largest > 0)]
    together = max(math.ceil(low.size / MAX_RANGES), 1)
    starts = np.arange(0, low.size, together)
    lows = np.minimum.reduceat(low, starts) + 0.0 if low.size else low
    highs = np.maximum.reduceat(high, starts) + 0.0 if low.size else high
    return ChannelRanges(
        axis=axis,
        n=low.size,
        ratio=_over(known, np.min),
        median_ratio=_over(known, np.median),
        n_zero=int(np.count_nonzero(largest == 0)),
        together=together,
        low=_known(lows),
        high=_known(highs),
    )


def _over(largest: FloatArray, typical: Callable[[FloatArray], Any]) -> float | None:
    """The largest over a smaller one; None where there is none, or beyond float64."""
    if not largest.size:
        return None
    with np.errstate(over="ignore"):
        ratio = float(largest.max() / typical(largest))
    return ratio if math.isfinite(ratio) else None


def _known(values: FloatArray) -> tuple[float | None, ...]:
    return tuple(v if math.isfinite(v) else None for v in values.tolist())
