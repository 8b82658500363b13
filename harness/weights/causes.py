"""What was done to one tensor that is not what it should be: a slug and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.weights.gates import told
from harness.weights.layouts import arranged
from harness.weights.likeness import SIMILAR, likeness
from harness.weights.sketch import tame

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import FloatArray
    from harness.weights.pool import Match

    Rule = Callable[[Match, FloatArray, FloatArray], "tuple[str, str] | None"]

_BIASES = frozenset({"bias", "beta", "gate_bias"})
# An axis longer than this counts words or pixels rather than channels.
_MAX_CHANNELS = 4096
_MIN_CHANNEL = 4
# Other channels' gains lie within this of each other; a wrong one lies beyond that.
_SPREAD = 0.1
_WRONG = 0.5
_AT_MOST = 0.25
# The bits of a float32 that bfloat16 keeps.
_KEPT = np.uint32(0xFFFF0000)


def reshaped(match: Match) -> bool:
    """Whether the bytes lie as they did although the axes changed places."""
    is_as_stored = match.matched_by == "exact" and not match.reference.constant
    return is_as_stored and _axes_differ(match)


def _axes_differ(match: Match) -> bool:
    theirs, ours = match.reference.squeezed, match.candidate.squeezed
    if len(theirs) < 2 or sorted(theirs) != sorted(ours):
        return False
    if theirs != ours:
        return True
    return _layouts_differ(match)


def _layouts_differ(match: Match) -> bool:
    """Of equal lengths, the letters of the axes tell."""
    theirs, ours = match.reference.tensor, match.candidate.tensor
    if theirs.layout is None or ours.layout is None:
        return False
    if len(theirs.layout) != len(theirs.shape) or len(ours.layout) != len(ours.shape):
        return False
    before, after = (
        [a for a, n in zip(t.layout or "", t.shape, strict=True) if n != 1]
        for t in (theirs, ours)
    )
    return before != after and sorted(before) == sorted(after)


def cause_of(
    match: Match, theirs: FloatArray, ours: FloatArray
) -> tuple[str, str] | None:
    """Slug and sentence; None where nothing that has a name explains it.

    Args:
        match: The pair.
        theirs: The reference in the candidate's layout.
        ours: The candidate, of the same shape.
    """
    rules: tuple[Rule, ...] = (
        _nonfinite,
        _emptied,
        _rounded,
        _untransposed,
        _gates,
        _channels,
    )
    for rule in rules:
        if found := rule(match, theirs, ours):
            return found
    return None


def _nonfinite(
    _match: Match, theirs: FloatArray, ours: FloatArray
) -> tuple[str, str] | None:
    n_lost = int(np.count_nonzero(~np.isfinite(ours) & np.isfinite(theirs)))
    if n_lost:
        text = f"{n_lost} of {ours.size} elements are NaN or infinite"
        return "weights.nonfinite", text
    return None


def _emptied(
    match: Match, theirs: FloatArray, ours: FloatArray
) -> tuple[str, str] | None:
    if ours.any() or not theirs.any():
        return None
    is_bias = match.reference.tensor.role in _BIASES
    cause = "weights.bias_missing" if is_bias else "weights.missing"
    return cause, "all zeros, where the reference's is not"


def _rounded(
    match: Match, theirs: FloatArray, ours: FloatArray
) -> tuple[str, str] | None:
    """Every number what a narrower type makes of the reference's, stored wide."""
    if match.candidate.tensor.dtype != "float32" or theirs.dtype != np.float32:
        return None
    with np.errstate(over="ignore"):
        if np.array_equal(theirs.astype(np.float16).astype(np.float32), ours):
            return "cast.rounding", "values rounded to float16"
    bits = np.ascontiguousarray(theirs).view(np.uint32)
    # Half of what is cut, and the last kept bit: to nearest, ties to even.
    nearest = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    for cut in (bits, nearest):
        if np.array_equal((cut & _KEPT).view(np.float32), ours):
            return "cast.rounding", "values rounded to bfloat16"
    return None


def _untransposed(
    match: Match, _theirs: FloatArray, ours: FloatArray
) -> tuple[str, str] | None:
    """The numbers of the reference in the order of its memory, in another shape."""
    if len(match.reference.squeezed) < 2 or not _axes_differ(match):
        return None
    stored = match.reference.tensor.load().reshape(-1)
    if likeness(tame(stored), tame(ours)) >= SIMILAR:
        return "weights.transposed", untransposed_text(match)
    return None


def untransposed_text(match: Match) -> str:
    """The sentence for a kernel whose shape was transposed and whose data was not."""
    theirs, ours = match.reference.tensor, match.candidate.tensor
    return (
        f"shape {list(ours.shape)} for {list(theirs.shape)}, and the numbers in their"
        " old order: reshaped where it should have been transposed"
    )


def _gates(
    match: Match, _theirs: FloatArray, _ours: FloatArray
) -> tuple[str, str] | None:
    if not match.how.blocks:
        return None
    text, customary = told(match.how.blocks)
    shapes = match.reference.tensor.shape, match.candidate.tensor.shape
    # Of a vector its shape does not tell whether it came from another tool.
    if customary and (shapes[0] != shapes[1] or len(match.candidate.squeezed) < 2):
        return None
    return "rnn.gate_order", text


def _channels(
    _match: Match, theirs: FloatArray, ours: FloatArray
) -> tuple[str, str] | None:
    """A few channels that have another size, while the others agree."""
    for axis, size in enumerate(ours.shape):
        if not 3 <= size <= _MAX_CHANNELS or ours.size // size < _MIN_CHANNEL:
            continue
        found = _wrong_channels(theirs, ours, axis)
        if found:
            index, gain = found[0]
            others = f" and {len(found) - 1} more" if len(found) > 1 else ""
            text = f"index {index} of axis {axis} is {gain:.3g} times as large{others}"
            return "quant.scale", text
    return None


def _wrong_channels(
    theirs: FloatArray, ours: FloatArray, axis: int
) -> list[tuple[int, float]]:
    r, c = (
        tame(np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)) for x in (theirs, ours)
    )
    energy = (r * r).sum(1)
    known = energy > 0
    cross = (r * c).sum(1)
    gains = np.where(known, cross / np.where(known, energy, 1), 1)
    norms = np.sqrt(np.where(known, energy * (c * c).sum(1), 1))
    straight = np.where(norms > 0, np.abs(cross) / np.where(norms > 0, norms, 1), 0)
    wrong = (np.abs(gains - 1) > _WRONG) & (straight >= SIMILAR)
    others = np.abs(gains[~wrong] - 1)
    few = 0 < wrong.sum() <= max(1, _AT_MOST * len(gains))
    if not few or others.size == 0 or np.median(others) > _SPREAD:
        return []
    return [(int(i), float(gains[i])) for i in np.flatnonzero(wrong)]


def rearranged(match: Match, ours: FloatArray) -> FloatArray:
    """The reference as it should look in the candidate."""
    return arranged(match.reference.tensor.load(), match.how, ours.shape)
