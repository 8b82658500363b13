"""Are the codes of a weight used: not heaped at the ends, not huddled at zero?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import QuantizationFinding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray, IntArray
    from harness.weights.audit.values import QuantizedValue

# Fewer weights than this have no distribution to speak of.
_MIN_WEIGHTS = 64
# Two or three codes are a binary or ternary network, which is meant.
_TERNARY = 3
# Neighbours that an end is held against.
_BAND = 8
_SATURATED = 0.005
_LOST = 0.05
_HEAP = 8
# A reduced range, which tools choose on purpose, costs one bit.
_WASTED_BITS = 2.25
# Ranges of channels this far apart leave the smallest 2.5 codes to each side of 0.
_APART = 50.0
_MANY = 0.1


def look_at_codes(
    value: QuantizedValue, channels: IntArray
) -> Iterator[QuantizationFinding]:
    """Saturated and unused codes, and one scale for channels that are far apart.

    Args:
        value: The weight.
        channels: Its codes, shape (output channels, weights of a channel).
    """
    if channels.size < _MIN_WEIGHTS or value.high - value.low > 1 << 16:
        return
    if np.unique(channels).size <= _TERNARY:
        return
    yield from _saturated(value, channels)
    yield from _unused(value, channels)
    yield from _granularity(value, channels)


def _saturated(
    value: QuantizedValue, channels: IntArray
) -> Iterator[QuantizationFinding]:
    """Codes heaped at an end.

    A range that was fit to a channel's weights puts one of them at an end, or two; and
    codes near the ends are rare. Clipping puts all that lay beyond there. An end that
    means zero holds the zeros of a sparse weight, however many.
    """
    first = int(channels.min())
    zeros = set(np.unique(value.zero_point).tolist())
    counts = np.bincount(channels.reshape(-1).astype(np.int64) - first)
    expected = max(value.zero_point.size, 1)
    excess, ends = 0.0, []
    for end, inner in ((0, counts[1 : _BAND + 1]), (-1, counts[-_BAND - 1 : -1])):
        beside = float(inner.mean()) if inner.size else 0.0
        more = counts[end] - expected - beside
        if first + (end % counts.size) in zeros:
            continue
        if more > _HEAP * max(beside, 1.0):
            excess += more
            ends.append((first + (end % counts.size), int(counts[end]), beside))
    share = excess / channels.size
    if share < _SATURATED:
        return
    listed = " and ".join(
        f"{n} have {code}, the codes beside it {beside:.1f} each"
        for code, n, beside in ends
    )
    yield QuantizationFinding(
        code="QNT501",
        severity="error" if share > _LOST else "warning",
        cause="quant.saturation",
        tensor=value.key,
        node=value.node,
        explanation=f"about {share:.1%} of {channels.size} weights were clipped:"
        f" {listed}",
        numbers={"share": share, "n": round(excess)},
        hint="the scale is too small for the weights: fit it to their range",
    )


def _unused(value: QuantizedValue, channels: IntArray) -> Iterator[QuantizationFinding]:
    peaks, room = _peaks(value, channels)
    if value.zero_point.size == 1:
        peaks, room = peaks.max(keepdims=True), room[:1]
    with np.errstate(divide="ignore"):
        bits = np.where(peaks > 0, np.log2(room / np.maximum(peaks, 1)), 0)
    wasteful = bits > _WASTED_BITS
    if not wasteful.any():
        return
    at = int(np.argmax(bits))
    where = f"channel {at} has" if bits.size > 1 else "it has"
    yield QuantizationFinding(
        code="QNT502",
        severity="warning",
        cause="quant.unused_codes",
        tensor=value.key,
        node=value.node,
        explanation=f"{where} no code further than {peaks[at]:.0f} from its zero point,"
        f" of {room[at]:.0f}: {bits[at]:.1f} of its bits are never used"
        f" ({int(wasteful.sum())} of {bits.size} channels waste more than two)",
        numbers={
            "channel": at,
            "peak": float(peaks[at]),
            "bits": float(bits[at]),
            "n": int(wasteful.sum()),
        },
        hint="the scale is larger than the weights need: fit it to their range",
    )


def _granularity(
    value: QuantizedValue, channels: IntArray
) -> Iterator[QuantizationFinding]:
    """Channels of a depthwise kernel that one scale leaves a few codes."""
    is_depthwise = value.weight is not None and value.weight.role == "depthwise_kernel"
    if not is_depthwise or value.zero_point.size > 1 or len(channels) < 2:
        return
    peaks, _ = _peaks(value, channels)
    small = peaks * _APART < peaks.max()
    if not small.any():
        return
    at = int(np.argmin(peaks))
    many = small.mean() >= _MANY and bool(peaks[small].any())
    yield QuantizationFinding(
        code="QNT503",
        severity="error" if many else "warning",
        cause="quant.granularity",
        tensor=value.key,
        node=value.node,
        explanation=f"one scale for all channels of a depthwise kernel: the largest has"
        f" codes up to {peaks.max():.0f}, channel {at} up to {peaks[at]:.0f};"
        f" {int(small.sum())} of {peaks.size} channels are more than {_APART:.0f} times"
        " smaller than the largest",
        numbers={
            "channel": at,
            "peak": float(peaks[at]),
            "largest": float(peaks.max()),
            "n": int(small.sum()),
        },
        hint="quantize it by channel, or equalize the channels before",
    )


def _peaks(value: QuantizedValue, channels: IntArray) -> tuple[FloatArray, FloatArray]:
    """How far each channel's codes go from its zero point, and how far they could."""
    zero = np.broadcast_to(value.zero_point, (len(channels),))
    low, high = channels.min(axis=1), channels.max(axis=1)
    peaks = np.maximum(high - zero, zero - low)
    room = np.maximum(value.high - zero, zero - value.low)
    # Symmetric codes leave the lowest one out.
    return peaks, np.where(zero == 0, value.high, room)
