"""What narrower number formats would do to a tensor: a pass a format, in blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from harness.core.tensors import FormatRisk
from harness.weights.channels import channel_blocks
from harness.weights.histograms import count_bytes
from harness.weights.moments import in_float
from harness.weights.numeric_formats import FORMATS, FloatFormat, IntegerFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from harness.core.protocols import Array, FloatArray
    from harness.weights.moments import Spread
    from harness.weights.numeric_formats import Ranges

_BLOCK = 1 << 16


def format_risks(
    values: Array,
    spread: Spread,
    axis: int | None,
    ranges: Ranges | None,
    names: Iterable[str],
) -> tuple[FormatRisk, ...]:
    """What each format would do to a tensor.

    Args:
        values: The tensor.
        spread: Of it.
        axis: Its channels' axis, None for none.
        ranges: Smallest and largest element of each channel; None without an axis.
        names: Keys of `FORMATS`.

    Returns:
        In the order of `names`, without formats "-channel" where there are no
        channels; empty where no element is finite.

    Raises:
        KeyError: There is no format of that name.
    """
    kinds = {name: FORMATS[name] for name in names}
    if spread.min is None or spread.max is None:
        return ()
    whole = (np.array([spread.min]), np.array([spread.max]))
    signal = _channel_power(values, spread, axis)
    found = []
    for name, kind in kinds.items():
        rounding: _Rounding
        if isinstance(kind, FloatFormat):
            rounding = _FloatRounding(kind, max(-spread.min, spread.max))
        elif not kind.by_channel:
            rounding = _IntegerRounding(kind, whole)
        elif ranges is not None:
            rounding = _IntegerRounding(kind, _bounded(ranges))
        else:
            continue
        found.append(_risk(name, rounding, values, spread, (axis, signal)))
    return tuple(found)


class _Rounding(Protocol):
    """Rounds block after block, and counts what becomes of the elements."""

    n_zeroed: int
    n_subnormal: int
    n_clipped: int

    def round(
        self, values: FloatArray, channels: slice, finite: NDArray[np.bool_] | None
    ) -> FloatArray:
        """What values of shape (outer, channels, inner) become.

        They are 0 where `finite` is False, and do not count; None where all do.
        """
        ...

    @property
    def zero_exact(self) -> bool:
        """Whether 0 stays 0."""
        ...

    @property
    def step(self) -> float | None:
        """Mean distance of codes; None for floats."""
        ...

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """How often each code occurs; None for floats."""
        ...


class _FloatRounding:
    step = None
    counts = None
    zero_exact = True

    def __init__(self, kind: FloatFormat, largest: float) -> None:
        self.n_zeroed = self.n_subnormal = self.n_clipped = 0
        self._kind = kind
        self._scale = largest / kind.largest if kind.scaled and largest > 0 else 1.0

    def round(
        self, values: FloatArray, _channels: slice, _finite: NDArray[np.bool_] | None
    ) -> FloatArray:
        kind, type_ = self._kind, values.dtype.type
        scaled = values / type_(self._scale) if kind.scaled else values
        with np.errstate(over="ignore"):
            rounded = kind.round(scaled)
        magnitude = np.abs(rounded)
        n_kept = int(np.count_nonzero(magnitude))
        self.n_zeroed += int(np.count_nonzero(values)) - n_kept
        n_small = int(np.count_nonzero(magnitude < type_(2.0**kind.lowest)))
        self.n_subnormal += n_small - (magnitude.size - n_kept)
        if magnitude.max() > kind.largest:
            self.n_clipped += int(np.count_nonzero(magnitude > kind.largest))
            rounded = np.clip(rounded, -kind.largest, kind.largest)
        return rounded * type_(self._scale) if kind.scaled else rounded


class _IntegerRounding:
    n_subnormal = 0

    def __init__(self, kind: IntegerFormat, ranges: Ranges) -> None:
        self.n_zeroed = self.n_clipped = 0
        self._kind = kind
        self._scale, self._zero = kind.scales(*ranges)
        self._counts = np.zeros(kind.n_codes, np.int64)

    @property
    def zero_exact(self) -> bool:
        return bool(np.all(self._zero == np.rint(self._zero)))

    @property
    def step(self) -> float:
        return float(self._scale.mean())

    @property
    def counts(self) -> NDArray[np.int64]:
        return self._counts

    def round(
        self, values: FloatArray, channels: slice, finite: NDArray[np.bool_] | None
    ) -> FloatArray:
        kind, type_ = self._kind, values.dtype.type
        one = channels if kind.by_channel else slice(None)
        scale = self._scale[one, None].astype(type_)
        zero = self._zero[one, None].astype(type_)
        code = values / scale
        # A zero point that is a code is added to codes, as QuantizeLinear does.
        code = np.rint(code) + zero if kind.nudged else np.rint(code + zero)
        if code.min() < kind.low or code.max() > kind.high:
            beyond = (code < kind.low) | (code > kind.high)
            within = beyond if finite is None else beyond & finite
            self.n_clipped += int(np.count_nonzero(within))
            np.clip(code, kind.low, kind.high, out=code)
        index = (code - type_(kind.low)).astype(np.uint8)
        index = index.reshape(-1) if finite is None else index[finite]
        self._counts += count_bytes(index, kind.n_codes)
        code -= zero
        rounded: FloatArray = np.multiply(code, scale, out=code)
        self.n_zeroed += int(np.count_nonzero((rounded == 0) & (values != 0)))
        return rounded


class _Errors:
    """Sums over e = q - w; `squares` by channel."""

    def __init__(self, n_channels: int) -> None:
        self.sum = self.largest = 0.0
        self.squares = np.zeros(n_channels)

    def update(self, values: FloatArray, rounded: FloatArray, channels: slice) -> None:
        error = np.subtract(rounded, values, dtype=np.float64)
        # Errors of float64 beyond 1e154 have infinite squares: `_record` leaves out
        # what would follow from them.
        with np.errstate(over="ignore"):
            self.sum += float(error.sum())
            self.squares[channels] += _power(error)
        self.largest = max(self.largest, -float(error.min()), float(error.max()))


def _risk(
    name: str,
    rounding: _Rounding,
    values: Array,
    spread: Spread,
    channels: tuple[int | None, FloatArray],
) -> FormatRisk:
    axis, signal = channels
    errors = _Errors(signal.size)
    for part, where, finite in _parts(values, spread, axis):
        rounded = rounding.round(part, where, finite)
        if finite is not None:
            rounded = np.where(finite, rounded, rounded.dtype.type(0))
        errors.update(part, rounded, where)
    return _record(name, rounding, errors, spread, signal)


def _parts(
    values: Array, spread: Spread, axis: int | None
) -> Iterator[tuple[FloatArray, slice, NDArray[np.bool_] | None]]:
    """Blocks of shape (outer, channels, inner), 0 for what is not finite, and a mask.

    The mask is None where all is finite.
    """
    for part, channels in channel_blocks(values, axis, _BLOCK):
        number = in_float(part)
        if not spread.n_nonfinite:
            yield number, channels, None
            continue
        finite = np.isfinite(number)
        yield np.where(finite, number, number.dtype.type(0)), channels, finite


def _channel_power(values: Array, spread: Spread, axis: int | None) -> FloatArray:
    """Sum of each channel's squares, shape (channels,), float64."""
    power = np.zeros(1 if axis is None else values.shape[axis])
    for part, channels, _ in _parts(values, spread, axis):
        with np.errstate(over="ignore"):
            power[channels] += _power(part.astype(np.float64))
    return power


def _power(values: FloatArray) -> FloatArray:
    """Squares summed over all axes but the second."""
    power: FloatArray = np.einsum("ijk,ijk->j", values, values)
    return power


def _record(
    name: str,
    rounding: _Rounding,
    errors: _Errors,
    spread: Spread,
    signal: FloatArray,
) -> FormatRisk:
    n = spread.n_finite
    fan_in = max(spread.n // signal.size, 1)
    bias, power = errors.sum / n, float(errors.squares.sum()) / n
    known = math.isfinite(power) and math.isfinite(bias * bias)
    noise = math.sqrt(max(power - bias * bias, 0.0)) if known else 0.0
    sqnr = _decibel(float(signal.sum()), power * n)
    by_channel = _relative(signal, errors.squares)
    step = math.sqrt(12 * power) if rounding.step is None else rounding.step
    used, entropy = _usage(rounding.counts)
    return FormatRisk(
        format=name,
        n=n,
        sqnr_db=sqnr,
        max_abs_error=errors.largest,
        share_zero=spread.share(rounding.n_zeroed),
        share_subnormal=spread.share(rounding.n_subnormal),
        share_clipped=spread.share(rounding.n_clipped),
        zero_exact=rounding.zero_exact,
        n_codes=None if rounding.counts is None else rounding.counts.size,
        n_codes_used=used,
        entropy_bits=entropy,
        effective_bits=None if sqnr is None else (sqnr - 1.76) / 6.02,
        step=step if math.isfinite(step) else None,
        bias=bias,
        bias_steps=abs(bias) * fan_in / step if step and math.isfinite(step) else None,
        bias_over_noise=abs(bias) * math.sqrt(fan_in) / noise if noise else None,
        channel_noise=float(by_channel.mean()) if by_channel.size else None,
        worst_channel_sqnr_db=_decibel(1.0, float(by_channel.max(initial=0.0))),
    )


def _decibel(signal: float, noise: float) -> float | None:
    ratio = signal / noise if noise > 0 else 0.0
    return 10 * math.log10(ratio) if 0 < ratio < math.inf else None


def _relative(signal: FloatArray, noise: FloatArray) -> FloatArray:
    """Noise over signal of each channel that has some."""
    known = (signal > 0) & np.isfinite(signal) & np.isfinite(noise)
    relative: FloatArray = noise[known] / signal[known]
    return relative


def _usage(counts: NDArray[np.int64] | None) -> tuple[int | None, float | None]:
    """Codes that occur, and their entropy in bits."""
    if counts is None:
        return None, None
    share = counts[counts > 0] / counts.sum()
    return share.size, float(-(share * np.log2(share)).sum()) + 0.0


def _bounded(ranges: Ranges) -> Ranges:
    """Ranges with 0 in place of the infinities of channels that hold nothing."""
    low, high = ranges
    empty = low > high
    return np.where(empty, 0.0, low), np.where(empty, 0.0, high)
