"""Do scales and zero points fit the float tensors that the codes were made from?

Of each channel with floats w and dequantized codes q, ``q = g w + o`` is fit by least
squares over the codes that are not at an end. Where only the scale was changed, g is
how much; where only the zero point was, o is a whole number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.findings import QuantizationFinding
from harness.weights.causes import rearranged
from harness.weights.channels import channel_axis
from harness.weights.matching import match
from harness.weights.sketch import sketches, tame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.core.findings import Severity
    from harness.core.protocols import FloatArray, WeightTensor
    from harness.weights.audit.values import QuantizedModel, QuantizedValue
    from harness.weights.pool import Match

_BIASES = frozenset({"beta", "bias", "gate_bias"})
# Fewer weights fit any line.
_MIN_CHANNEL = 6
_GAIN = 0.05
_SURE = 8.0
# Of the codes of a weight, how many must be within a step of it; of its channels, how
# many may have a gain of their own.
_SAME = 0.9
_SOME = 0.5
# Rounding to nearest leaves 0.29 of a step, root mean square, to floor 0.29 and 0.5.
_ROUNDED = 0.75
_MOVED = 0.75
_CLIPPED = 1e-3
_LOST = 1e-2
# A reduced range is 2 times too wide, on purpose.
_WIDE = 4.5
_OUTLIER = 6.0
_USUAL = 2.5
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class _Channels:
    """One pair, by output channel.

    Attributes:
        floats: Shape (channels, elements), float64.
        stored: The floats that the codes mean, likewise.
        scale: Step of each channel, shape (channels,).
        bottom: Smallest number that its codes mean, shape (channels,).
        top: Largest.
    """

    floats: FloatArray
    stored: FloatArray
    scale: FloatArray
    bottom: FloatArray
    top: FloatArray


def look_at_floats(
    model: QuantizedModel, reference: Iterable[WeightTensor]
) -> tuple[list[QuantizationFinding], int]:
    """Weights held against the float model's, and how many of them had a match.

    Args:
        model: The quantized model.
        reference: Weights of the float model, of any form.

    Raises:
        ModelLoadError: A tensor's bytes cannot be read.
    """
    ours = {v.name: v for v in model.weights if _worthy(v)}
    tensors = [v.weight for v in ours.values() if v.weight is not None]
    found: list[QuantizationFinding] = []
    n = 0
    for pair in match(sketches(reference), sketches(tensors)).matches:
        value = ours.get(pair.candidate.tensor.name)
        if value is not None and pair.candidate.tensor is value.weight:
            channels = _channels(value, pair)
            if not _is_rescaled(channels):
                n += 1
                found += _look(value, channels)
    return found, n


def _worthy(value: QuantizedValue) -> bool:
    """Biases have codes as fine as floats: drift tells of those."""
    tensor = value.weight
    return tensor is not None and value.is_sound and tensor.role not in _BIASES


def _channels(value: QuantizedValue, pair: Match) -> _Channels:
    ours = pair.candidate.tensor.load()
    theirs = rearranged(pair, ours)
    assert value.scale is not None
    axis = channel_axis(pair.candidate.tensor)
    if value.scale.size == 1 or axis is None:
        axis = None
    floats, stored = (_rows(tame(side), axis) for side in (theirs, ours))
    shape = (len(floats),)
    scale, zero = (
        np.broadcast_to(p, shape) if p.size in (1, shape[0]) else np.full(shape, p[0])
        for p in (value.scale, value.zero_point)
    )
    ends = (np.asarray(end - zero) * scale for end in (value.low, value.high))
    return _Channels(floats, stored, scale, *ends)


def _rows(values: FloatArray, axis: int | None) -> FloatArray:
    if axis is None:
        return values.reshape(1, -1)
    return np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)


def _is_rescaled(pair: _Channels) -> bool:
    """Whether the codes were made from other numbers: these times a gain a channel.

    That is what folding leaves that nobody recognised. Scales that merely changed
    places have gains, too.
    """
    if len(pair.scale) == 1:
        step = float(pair.scale[0])
        inner = (pair.stored > pair.bottom[:, None]) & (pair.stored < pair.top[:, None])
        near = np.abs(pair.stored - pair.floats)[inner] <= step
        return _fit(pair, 0) is None and near.size > 0 and near.mean() < _SAME
    fits = [_fit(pair, row) for row in range(len(pair.scale))]
    gains = np.array([fit[0] if fit else 1.0 for fit in fits])
    off = np.array([fit is not None and _scaled(fit) for fit in fits])
    if off.mean() <= _SOME or np.ptp(np.log(gains[off])) <= _GAIN:
        return False
    moved = np.sort(pair.scale / gains) / np.sort(pair.scale)
    return not np.allclose(moved, 1, rtol=_GAIN)


def _look(value: QuantizedValue, pair: _Channels) -> Iterator[QuantizationFinding]:
    """The first of these that explains the weight."""
    for look in (_misfit, _clipped, _wide):
        found = look(value, pair)
        if found is not None:
            yield found
            return


def _misfit(value: QuantizedValue, pair: _Channels) -> QuantizationFinding | None:
    """Channels whose scale or zero point is not what their codes were made with."""
    if pair.floats.shape[1] < _MIN_CHANNEL:
        return None
    rows = range(len(pair.floats))
    fits = [_fit(pair, row) for row in rows]
    gains = [(abs(np.log(f[0])), at) for at, f in enumerate(fits) if f and _scaled(f)]
    if gains:
        at = max(gains)[1]
        gain = (fits[at] or (1.0,))[0]
        return _wrong_scale(value, pair, at, gain, len(gains))
    moves = [(abs(f[1]), at) for at, f in enumerate(fits) if f and abs(f[1]) > _MOVED]
    if not moves:
        return None
    at = max(moves)[1]
    codes = (fits[at] or (1.0, 0.0))[1]
    return _wrong_zero(value, at, codes, (len(moves), len(fits)))


def _scaled(fit: tuple[float, float, float]) -> bool:
    gain, _, error = fit
    return abs(gain - 1) > max(_GAIN, _SURE * error)


def _fit(pair: _Channels, row: int) -> tuple[float, float, float] | None:
    """Gain, offset in codes of the right scale, and the gain's standard error.

    None where the floats are not a line's length from what the codes mean.
    """
    w, q, step = pair.floats[row], pair.stored[row], float(pair.scale[row])
    inner = (q > pair.bottom[row] + step / 2) & (q < pair.top[row] - step / 2)
    w, q = w[inner], q[inner]
    spread = w - w.mean() if w.size else w
    energy = float(spread @ spread)
    if w.size < _MIN_CHANNEL or not energy > 0 or not step > 0:
        return None
    gain = float(spread @ q) / energy
    offset = float(q.mean() - gain * w.mean())
    left = q - gain * w - offset
    noise = float(np.sqrt(left @ left / left.size)) / step
    if gain <= 0 or noise > _ROUNDED:
        return None
    error = max(noise, 0.29) * step / float(np.sqrt(energy))
    return gain, offset / step, error


def _wrong_scale(
    value: QuantizedValue, pair: _Channels, at: int, gain: float, n: int
) -> QuantizationFinding:
    scale = float(pair.scale[at])
    where = f"channel {at}" if len(pair.scale) > 1 else "the tensor"
    return QuantizationFinding(
        code="QNT701",
        severity="error",
        cause="quant.scale",
        tensor=value.key,
        node=value.node,
        explanation=f"the scale of {where} is {scale:.4g}, where its codes were made"
        f" with {scale / gain:.4g}: {gain:.3g} times the float weights"
        f" ({n} of {len(pair.scale)} scales are off)",
        numbers={"channel": at, "scale": scale, "gain": gain, "n": n},
        hint="write the scale that the codes were made with, or quantize again",
    )


def _wrong_zero(
    value: QuantizedValue, at: int, codes: float, n: tuple[int, int]
) -> QuantizationFinding:
    zeros = value.zero_point
    zero = float(zeros[at if zeros.size > 1 else 0])
    return QuantizationFinding(
        code="QNT702",
        severity="error",
        cause="quant.zero_point",
        tensor=value.key,
        node=value.node,
        explanation=f"the zero point of channel {at} is {zero:.0f}, and all weights are"
        f" {codes:+.2f} steps off the float ones: {zero + codes:.0f} fits"
        f" ({n[0]} of {n[1]} zero points are off)",
        numbers={"channel": at, "zero_point": zero, "steps": codes, "n": n[0]},
        hint="write the zero point that the codes were made with, or quantize again",
    )


def _clipped(value: QuantizedValue, pair: _Channels) -> QuantizationFinding | None:
    """Weights beyond the range of the codes."""
    step = pair.scale[:, None]
    beyond = (pair.floats > pair.top[:, None] + step) | (
        pair.floats < pair.bottom[:, None] - step
    )
    share = float(beyond.mean())
    if share <= _CLIPPED:
        return None
    at = int(np.argmax(beyond.mean(axis=1)))
    largest = float(np.abs(pair.floats[at]).max())
    severity: Severity = "error" if share > _LOST else "warning"
    return QuantizationFinding(
        code="QNT703",
        severity=severity,
        cause="quant.saturation",
        tensor=value.key,
        node=value.node,
        explanation=f"{share:.1%} of the float weights lie beyond the range of the"
        f" codes; channel {at} goes to {largest:.4g}, its codes from"
        f" {pair.bottom[at]:.4g} to {pair.top[at]:.4g}",
        numbers={"share": share, "channel": at, "largest": largest},
        hint="fit the scale to the weights' range",
    )


def _wide(value: QuantizedValue, pair: _Channels) -> QuantizationFinding | None:
    """Scales far larger than the float weights need."""
    ratios = _ratios(pair)
    wide = ratios > _WIDE
    if not wide.any():
        return None
    at = int(np.argmax(ratios))
    is_outlier = len(ratios) > 1 and float(np.median(ratios)) <= _USUAL
    severity: Severity = "error" if is_outlier and ratios[at] >= _OUTLIER else "warning"
    where = f"channel {at}" if len(ratios) > 1 else "the tensor"
    return QuantizationFinding(
        code="QNT704",
        severity=severity,
        cause="quant.scale",
        tensor=value.key,
        node=value.node,
        explanation=f"the scale of {where} is {pair.scale[at]:.4g},"
        f" {ratios[at]:.3g} times what the float weights need"
        f" ({pair.scale[at] / ratios[at]:.4g}): {np.log2(ratios[at]):.1f} bits are"
        f" lost ({int(wide.sum())} of {len(ratios)} scales are like that)",
        numbers={
            "channel": at,
            "scale": float(pair.scale[at]),
            "ratio": float(ratios[at]),
            "n": int(wide.sum()),
        },
        hint="fit the scale to the weights' range",
    )


def _ratios(pair: _Channels) -> FloatArray:
    """Each scale over the smallest one that covers its floats; 0 for none to cover.

    Channels that are next to nothing in the whole are left out: tools keep scales
    from becoming too small.
    """
    high, low = pair.floats.max(axis=1), pair.floats.min(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.where(high > 0, high / pair.top, 0)
        down = np.where(low < 0, low / pair.bottom, 0)
        fill = np.maximum(np.nan_to_num(up), np.nan_to_num(down))
        ratios = np.where(fill > 0, 1 / fill, 0)
    size = np.maximum(high, -low)
    matters: FloatArray = np.where(size > _NEGLIGIBLE * size.max(), ratios, 0)
    return matters
