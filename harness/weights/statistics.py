"""Distribution of a weight tensor, in blocks: the tensor is never copied whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.core.tensors import TensorStatistics
from harness.weights.channels import (
    ChannelBlock,
    ChannelExtremes,
    channel_axis,
    channel_blocks,
    channel_ranges,
)
from harness.weights.compiled import is_installed, scan_rows
from harness.weights.format_risk import format_risks
from harness.weights.histograms import LinearBins
from harness.weights.magnitudes import MagnitudeCounts
from harness.weights.moments import Moments, in_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.core.comparisons import Histogram
    from harness.core.protocols import Array, FloatArray, WeightTensor
    from harness.weights.moments import Spread

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
# 1 MB of float32: fits a core's second-level cache, and is large enough that the
# interpreter's share of the time is small.
BLOCK = 1 << 18
N_BINS = 64
# What is smaller is sorted: exact quantiles, and every element in its bin.
_SORTED = 1 << 21
# Elements of a file from which on numba's import and compiling are worth their time.
_WORTH_COMPILING = 1 << 28
# Ranges that float64 can cut into bins.
_BINNABLE = (1e-300, 1e300)
_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """One pass's findings."""

    spread: Spread
    counts: MagnitudeCounts
    ranges: tuple[FloatArray, FloatArray] | None


def describe(
    tensor: WeightTensor, *, compile_: bool | None = None, formats: Iterable[str] = ()
) -> TensorStatistics:
    """Read a tensor and describe its values.

    Below 2**21 elements quantiles are exact (numpy's linear interpolation). Above,
    both they and the bins of the histogram follow from `Magnitudes`, to 1/128 of a
    value or better; where its buckets are wide for the range, the bins are counted in
    a second pass and quantiles interpolated between 4096 such bins. All else is exact,
    counts without a limit, but for the last digits of sums.

    Args:
        tensor: Of any real type.
        compile_: Whether to read float32 through numba: the same result, five times as
            fast once numba has started. None for tensors of a GB and more, where numba
            is installed.
        formats: Names of number formats to try, as in `numeric_formats.FORMATS`.

    Raises:
        ModelLoadError: The tensor's bytes cannot be read.
        ImportError: `compile_` is True and numba is not installed.
    """
    values = tensor.load()
    if compile_ is None:
        compile_ = values.size >= _WORTH_COMPILING and is_installed()
    axis = channel_axis(tensor) if values.ndim == len(tensor.shape) else None
    found = _read(values, axis, compile_=compile_)
    described = _record(tensor, values, found, axis)
    names = tuple(formats)
    if not names:
        return described
    risks = format_risks(values, found.spread, axis, found.ranges, names)
    return replace(described, risks=risks)


def describe_all(
    tensors: Iterable[WeightTensor], formats: Iterable[str] = ()
) -> tuple[TensorStatistics, ...]:
    """`describe` of each; compiled where all together are a GB or more of float32.

    Raises:
        ModelLoadError: A tensor's bytes cannot be read.
    """
    listed, names = tuple(tensors), tuple(formats)
    total = sum(math.prod(tensor.shape) for tensor in listed)
    large = total >= _WORTH_COMPILING and is_installed()
    return tuple(describe(t, compile_=large, formats=names) for t in listed)


def blocks(values: FloatArray) -> Iterator[FloatArray]:
    """The elements in C order, as 1-D views of at most `BLOCK` elements."""
    flat = np.ascontiguousarray(values).reshape(-1)
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK]


def _read(values: Array, axis: int | None, *, compile_: bool) -> _Found:
    is_single = values.dtype == np.float32
    moments = Moments(quick=is_single and values.size >= _SORTED)
    counts = MagnitudeCounts()
    if not (compile_ and is_single):
        ranges = _scan(values, axis, moments, counts)
        return _Found(moments.result(), counts, ranges)
    found = scan_rows(values, axis, moments, counts)
    if axis is not None and found is None:
        found = _channel_extremes(values, axis)
    return _Found(moments.result(), counts, found)


def _scan(
    values: Array, axis: int | None, moments: Moments, counts: MagnitudeCounts
) -> tuple[FloatArray, FloatArray] | None:
    """All in one pass; each channel's extremes, where there are channels."""
    extremes = ChannelExtremes(1 if axis is None else values.shape[axis])
    for part, where in channel_blocks(values, axis, BLOCK):
        number = in_float(part)
        whole = extremes.update(ChannelBlock(number, where))
        flat = number.reshape(-1)
        moments.update(flat, whole)
        counts.update(flat)
    return None if axis is None else extremes.result()


def _channel_extremes(values: Array, axis: int) -> tuple[FloatArray, FloatArray]:
    extremes = ChannelExtremes(values.shape[axis])
    for block in channel_blocks(values, axis, BLOCK):
        extremes.update(block)
    return extremes.result()


def _record(
    tensor: WeightTensor, values: Array, found: _Found, axis: int | None
) -> TensorStatistics:
    spread = found.spread
    histogram, quantiles = _distribution(values, found)
    return TensorStatistics(
        name=tensor.name,
        shape=tensor.shape,
        dtype=tensor.dtype,
        role=tensor.role,
        op_type=tensor.op_type,
        n=spread.n,
        n_nonfinite=spread.n_nonfinite,
        min=spread.min,
        max=spread.max,
        smallest_nonzero=spread.smallest_nonzero,
        mean=spread.mean,
        std=spread.std,
        sparsity=spread.share(spread.n_zero) if spread.n_finite else None,
        quantiles=quantiles,
        histogram=histogram,
        share_fp16_zero=spread.share(spread.n_fp16_zero),
        share_fp16_subnormal=spread.share(spread.n_fp16_subnormal),
        share_fp16_overflow=spread.share(spread.n_fp16_overflow),
        skewness=spread.skewness,
        kurtosis=spread.kurtosis,
        octaves=found.counts.octaves(),
        channels=channel_ranges(axis, *found.ranges)
        if axis is not None and found.ranges is not None
        else None,
    )


def _distribution(
    values: Array, found: _Found
) -> tuple[Histogram | None, dict[str, float]]:
    """The histogram and the quantiles."""
    spread = found.spread
    if spread.min is None or spread.max is None:
        return None, {}
    if values.size < _SORTED:
        bins = _binned(values, spread, N_BINS)
        return bins.result() if bins else None, _sorted_quantiles(values)
    if _is_fine(spread):
        magnitudes = found.counts.result()
        histogram = magnitudes.histogram(spread.min, spread.max, N_BINS)
        levels = magnitudes.quantiles(QUANTILES)
        return histogram, _named(np.clip(levels, spread.min, spread.max))
    bins = _binned(values, spread, 4096)
    if bins is None:
        return None, {}
    return bins.result(N_BINS), _named(bins.quantiles(QUANTILES))


def _is_fine(spread: Spread) -> bool:
    """Whether no bucket of `Magnitudes` is wider than half a bin."""
    assert spread.min is not None
    assert spread.max is not None
    largest = max(-spread.min, spread.max)
    width = spread.max - spread.min
    return largest <= _FLOAT32_MAX and width / N_BINS >= 2 * largest / 128


def _finite_blocks(values: Array, spread: Spread) -> Iterator[FloatArray]:
    for block in blocks(values):
        number = in_float(block)
        yield number[np.isfinite(number)] if spread.n_nonfinite else number


def _binned(values: Array, spread: Spread, n_bins: int) -> LinearBins | None:
    assert spread.min is not None
    assert spread.max is not None
    width = spread.max - spread.min
    if width and not _BINNABLE[0] < width < _BINNABLE[1]:
        return None
    bins = LinearBins(spread.min, spread.max, n_bins)
    for block in _finite_blocks(values, spread):
        bins.update(block)
    return bins


def _sorted_quantiles(values: Array) -> dict[str, float]:
    number = in_float(values.reshape(-1))
    finite = number[np.isfinite(number)].astype(np.float64)
    return _named(np.quantile(finite, QUANTILES))


def _named(levels: FloatArray) -> dict[str, float]:
    return {f"{q:g}": float(v) for q, v in zip(QUANTILES, levels, strict=True)}
