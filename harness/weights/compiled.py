"""The one pass over float32, compiled by numba where that is installed."""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import numpy as np

from harness.weights.kernels import (
    NO_SMALLEST,
    Powers,
    classify,
    combined,
    count,
    extremes,
    finite_into,
    scan,
    sums,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from harness.core.protocols import Array, FloatArray
    from harness.weights.magnitudes import MagnitudeCounts
    from harness.weights.moments import Moments

    Scan = Callable[..., Powers]

# Of 32 bits are the counts within a call, and half of its elements go to a table.
_AT_ONCE = 1 << 28
_NO_RANGE = np.array([[0x7FFFFFFF, -0x80000000]], np.int32)
_NO_POWERS: Powers = (0.0, 0.0, 0.0, 0.0, 0.0)
# Sums may be taken in any order; nothing is assumed of NaN.
_FAST_MATH = {"contract", "nsz", "reassoc"}
_HELPERS = (
    combined,
    count,
    extremes,
    finite_into,
    classify,
    sums,
)


def is_installed() -> bool:
    """Whether numba can be imported; does not import it."""
    return find_spec("numba") is not None


def scan_rows(
    values: Array, axis: int | None, moments: Moments, counts: MagnitudeCounts
) -> tuple[FloatArray, FloatArray] | None:
    """Take in float32 of any shape.

    Args:
        values: Its elements are not changed, and copied only where not in C order.
        axis: Axis of the channels, None for none.
        moments: Updated.
        counts: Updated.

    Returns:
        Each channel's smallest and largest finite element, infinity and minus
        infinity where it has none; None where `axis` is not the first one with more
        than one index, so that a channel is no single run of memory.

    Raises:
        ImportError: numba is not installed.
    """
    by_row = axis is not None and math.prod(values.shape[:axis]) == 1
    n_rows = values.shape[axis] if by_row and axis is not None else 1
    flat = np.ascontiguousarray(values, np.float32).reshape(-1)
    if not flat.size:
        return None
    rows = flat.reshape(n_rows, -1)
    by_row = by_row and rows.shape[1] <= _AT_ONCE
    if not by_row:
        rows = flat.reshape(1, -1)
    ranges = np.tile(_NO_RANGE, (len(rows), 1))
    step = max(_AT_ONCE // rows.shape[1], 1)
    for start in range(0, len(rows), step):
        part, found = rows[start : start + step], ranges[start : start + step]
        for column in range(0, rows.shape[1], _AT_ONCE):
            _scan(part[:, column : column + _AT_ONCE], found, moments, counts)
    return _extremes(ranges) if by_row else None


def _scan(
    rows: FloatArray,
    ranges: NDArray[np.int32],
    moments: Moments,
    counts: MagnitudeCounts,
) -> None:
    tally = np.array([NO_SMALLEST, 0, 0, 0, 0], np.int64)
    tables = np.zeros((2, 1 << 16), np.uint32)
    # A file that is mapped cannot be written to; numba compiles for one kind of array.
    rows = np.asarray(rows)
    rows.flags.writeable = False
    powers = scanner()(rows, _NO_POWERS, tally, ranges, tables)
    smallest, *below = tally.tolist()
    low, high = _extremes(ranges)
    extremes = (float(low.min()), float(high.max()), _smallest(smallest))
    moments.add(rows.size, powers, extremes, below)
    counts.add(tables.sum(axis=0, dtype=np.int64))


def _extremes(ranges: NDArray[np.int32]) -> tuple[FloatArray, FloatArray]:
    """`ranges` as float64; infinity and minus infinity where nothing was found."""
    bits = ranges ^ ((ranges >> 31) & np.int32(0x7FFFFFFF))
    found = bits.view(np.float32).astype(np.float64)
    found[ranges[:, 0] > ranges[:, 1]] = np.inf, -np.inf
    return found[:, 0], found[:, 1]


def _smallest(bits: int) -> float:
    if bits == NO_SMALLEST:
        return math.inf
    return float(np.array(bits + 1, np.uint32).view(np.float32))


@cache
def scanner() -> Scan:
    """`kernels.scan`, compiled.

    Importing numba and a pass that an earlier process kept take half a second,
    compiling anew two.

    Raises:
        ImportError: numba is not installed.
    """
    _register()
    try:
        return _compiled(keep=True)
    # There is no folder that numba could keep in what it compiled.
    except (OSError, RuntimeError):
        return _compiled(keep=False)


def _register() -> None:
    from numba.extending import register_jitable

    for helper in _HELPERS:
        register_jitable(fastmath=_FAST_MATH)(helper)


def _compiled(*, keep: bool) -> Scan:
    import numba

    # Its stubs know decorators, and not calls.
    njit = cast("Callable[..., Scan]", numba.njit)
    compiled = njit(scan, fastmath=_FAST_MATH, cache=keep)
    rows, ranges = np.zeros((1, 1), np.float32), np.zeros((1, 2), np.int32)
    rows.flags.writeable = False
    tables = np.zeros((2, 1 << 16), np.uint32)
    # The first call compiles, and writes what it compiled.
    compiled(rows, _NO_POWERS, np.zeros(5, np.int64), ranges, tables)
    return compiled
