"""Distribution of a weight tensor, in blocks: the tensor is never copied whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.core.results import TensorStatistics
from harness.weights.histograms import LinearBins
from harness.weights.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray, WeightTensor
    from harness.weights.moments import Spread

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
# 1 MB of float32: fits a core's second-level cache, and is large enough that the
# interpreter's share of the time is small.
BLOCK = 1 << 18
# Quantiles are taken from at most about twice as many elements.
_SAMPLE = 1 << 20
# Ranges that float64 can cut into bins.
_BINNABLE = (1e-300, 1e300)


def describe(tensor: WeightTensor) -> TensorStatistics:
    """Read a tensor and describe its values.

    Quantiles are exact (numpy's linear interpolation) below 2**21 elements; above,
    they are those of 2**20 evenly spaced elements, whose ranks are off by about 0.05
    percentage points. All else is over every element.

    Raises:
        ModelLoadError: The tensor's bytes cannot be read.
    """
    values = tensor.load()
    moments = Moments()
    for block in blocks(values):
        moments.update(block)
    spread = moments.result()
    bins = _binned(values, spread)
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
        quantiles=_quantiles(values, spread),
        histogram=bins.result() if bins else None,
        share_fp16_zero=spread.share(spread.n_fp16_zero),
        share_fp16_subnormal=spread.share(spread.n_fp16_subnormal),
        share_fp16_overflow=spread.share(spread.n_fp16_overflow),
    )


def blocks(values: FloatArray) -> Iterator[FloatArray]:
    """The elements in C order, as 1-D views of at most `BLOCK` elements."""
    flat = np.ascontiguousarray(values).reshape(-1)
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK]


def _finite_blocks(values: FloatArray, spread: Spread) -> Iterator[FloatArray]:
    for block in blocks(values):
        yield block[np.isfinite(block)] if spread.n_nonfinite else block


def _binned(values: FloatArray, spread: Spread) -> LinearBins | None:
    if spread.min is None or spread.max is None:
        return None
    width = spread.max - spread.min
    if width and not _BINNABLE[0] < width < _BINNABLE[1]:
        return None
    bins = LinearBins(spread.min, spread.max)
    for block in _finite_blocks(values, spread):
        bins.update(block)
    return bins


def _quantiles(values: FloatArray, spread: Spread) -> dict[str, float]:
    if spread.n_finite == 0:
        return {}
    flat = np.ascontiguousarray(values).reshape(-1)[:: _stride(values.size)]
    finite = flat[np.isfinite(flat)].astype(np.float64)
    if finite.size == 0:
        return {}
    found = np.quantile(finite, QUANTILES)
    return {f"{q:g}": float(v) for q, v in zip(QUANTILES, found, strict=True)}


def _stride(n: int) -> int:
    """Steps between sampled elements.

    Without a common factor with n, and so with no axis's length, steps visit the
    channels of every axis alike.
    """
    stride = max(n // _SAMPLE, 1)
    while math.gcd(stride, n) > 1:
        stride += 1
    return stride
