"""One line on what changed in a tensor, in the words of the person who changed it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.weights.difference import Difference, difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.core.protocols import FloatArray

    Rule = Callable[[FloatArray, FloatArray, Difference], str | None]

_FEW = 3
_MAX_LEVELS = 256
# An axis longer than this counts words or pixels rather than channels.
_MAX_CHANNELS = 4096
# Fewer numbers than this are few distinct values by themselves.
_MIN_ROUNDED = 8
# Relative rounding of a stored type: a gain nearer to 1 than this is no news, and a
# gain that leaves more than this unexplained is no explanation.
_ROUNDING = {"float64": 2e-6, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1.6e-2}
_COARSE = 3e-2
_FULL = ("float32", "float64")


def note(
    reference: FloatArray, candidate: FloatArray, found: Difference, dtype: str
) -> str | None:
    """What a reader should know of a changed tensor, None where nothing stands out.

    Args:
        reference: In the candidate's layout.
        candidate: Of the same shape.
        found: Their difference.
        dtype: As the candidate's is stored.
    """
    rounding = _ROUNDING.get(dtype, _COARSE)
    rules: tuple[Rule, ...] = (_nonfinite, _few, _one_slice, _zeroed)
    # Of a narrower type, few levels are what its name says.
    if dtype in _FULL:
        rules = (*rules, _levels, _grid)
    for rule in rules:
        if text := rule(reference, candidate, found):
            return text
    return _gain(reference, candidate, found, rounding)


def _nonfinite(_r: FloatArray, _c: FloatArray, found: Difference) -> str | None:
    if found.n_nonfinite:
        return f"{found.n_nonfinite} of {found.n} elements are NaN or infinite"
    return None


def _few(r: FloatArray, c: FloatArray, found: Difference) -> str | None:
    if found.n_changed > _FEW or found.n_changed == found.n:
        return None
    changes = [
        f"[{', '.join(map(str, at))}] {r[tuple(at)]:.4g} -> {c[tuple(at)]:.4g}"
        for at in np.argwhere(r != c).tolist()
    ]
    verb = "element" if found.n == 1 else "elements"
    return f"{found.n_changed} of {found.n} {verb} changed: {'; '.join(changes)}"


def _one_slice(r: FloatArray, c: FloatArray, _found: Difference) -> str | None:
    """All changes at one index of an axis: one class, one filter, one channel."""
    if r.ndim < 2:
        return None
    changed = r != c
    for axis, size in enumerate(r.shape):
        others = tuple(a for a in range(r.ndim) if a != axis)
        (where,) = np.nonzero(changed.any(axis=others))
        if size > 1 and where.size == 1:
            return f"changed only at index {where[0]} of axis {axis}"
    return None


def _zeroed(r: FloatArray, c: FloatArray, found: Difference) -> str | None:
    if np.count_nonzero((c == 0) & (r != 0)) == found.n_changed:
        return f"{found.n_changed} of {found.n} elements set to 0, the rest unchanged"
    return None


def _levels(r: FloatArray, c: FloatArray, _found: Difference) -> str | None:
    """Few distinct values in a float tensor: it was rounded to few bits."""
    told = None
    best = 2 * _MAX_LEVELS
    for what, theirs, ours in _slices(r, c):
        # One slice tells whether counting in all of them is worth the time.
        if ours[0].size < _MIN_ROUNDED or _n_distinct(ours[0]) * 2 > best:
            continue
        n_levels = max(map(_n_distinct, ours))
        rounded = n_levels * 2 <= min(best, ours[0].size)
        if rounded and _n_at_least(theirs[0]) >= 2 * n_levels:
            bits = max(math.ceil(math.log2(n_levels)), 1)
            most = "at most " if what else ""
            told = f"{most}{n_levels} distinct values{what} ({bits} bits)"
            best = n_levels
    return told


def _slices(
    r: FloatArray, c: FloatArray
) -> Iterator[tuple[str, list[FloatArray], list[FloatArray]]]:
    yield "", [r], [c]
    for axis in range(r.ndim if r.ndim > 1 else 0):
        where = f" at each index of axis {axis}"
        yield where, list(np.moveaxis(r, axis, 0)), list(np.moveaxis(c, axis, 0))


def _n_distinct(part: FloatArray) -> int:
    """Distinct values; at least as many as there are in the first elements."""
    first = _n_at_least(part)
    # Most tensors show in a few elements that they are not of few values.
    return first if first > _MAX_LEVELS else int(np.unique(part).size)


def _n_at_least(part: FloatArray) -> int:
    return int(np.unique(part.flat[: 4 * _MAX_LEVELS]).size)


def _grid(r: FloatArray, c: FloatArray, _found: Difference) -> str | None:
    """Values that a narrower float type holds exactly, and the reference's are not."""
    if c.dtype != np.float32:
        return None
    if _on_bfloat16_grid(c) and not _on_bfloat16_grid(r):
        return "values rounded to bfloat16"
    if _on_float16_grid(c) and not _on_float16_grid(r):
        return "values rounded to float16"
    return None


def _on_float16_grid(values: FloatArray) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.all(values.astype(np.float16) == values))


def _on_bfloat16_grid(values: FloatArray) -> bool:
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return not np.any(bits & np.uint32(0xFFFF))


def _gain(
    r: FloatArray, c: FloatArray, found: Difference, rounding: float
) -> str | None:
    gain = found.gain
    if gain is None:
        return "the reference is zero everywhere"
    if found.gain_residual <= rounding:
        news = abs(gain - 1) > rounding
        return f"constant gain {gain:.4g} on every element" if news else None
    return _channel_gain(r, c, rounding) or _offset(r, c, rounding)


def _channel_gain(r: FloatArray, c: FloatArray, rounding: float) -> str | None:
    """One gain a channel: what folding a batch norm into a convolution does."""
    for axis, size in enumerate(r.shape):
        if size > _MAX_CHANNELS or size * 2 > r.size:
            continue
        channels = zip(np.moveaxis(r, axis, 0), np.moveaxis(c, axis, 0), strict=True)
        gains = _gains(channels, rounding)
        if gains:
            low, high = min(gains), max(gains)
            return f"a gain for each index of axis {axis}, {low:.4g} to {high:.4g}"
    return None


def _gains(
    channels: Iterable[tuple[FloatArray, FloatArray]], rounding: float
) -> list[float]:
    """The gain of each channel; empty where some channel is not explained by one."""
    gains = []
    for theirs, ours in channels:
        found = difference(theirs, ours)
        if found.gain_residual > rounding:
            return []
        if found.gain is not None:
            gains.append(found.gain)
    return gains


def _offset(r: FloatArray, c: FloatArray, rounding: float) -> str | None:
    moved = c.astype(np.float64) - r
    offset = float(moved.mean())
    if r.size > _FEW and np.ptp(moved) <= rounding * np.abs(r).max() < abs(offset):
        return f"constant offset {offset:+.4g} on every element"
    return None
