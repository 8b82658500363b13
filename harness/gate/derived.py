"""Tolerances from measured floors.

Two faithful copies of one computation differ by rounding. How much, is measured on each
side by itself: by its noise, and by its distance to its own graph in float64. What
separates the two sides, a fault included, never enters a tolerance.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.tolerances import OutputTolerance

FACTOR = 10.0
"""Tolerance over floor. The floor is of some samples on one machine: other kernels
(fused multiply-add, another order of summation) and the rest of the data differ by a
few times as much, and a decade more still lies far below a fault."""

# One rounding of float32 at the largest answer: no side is taken to do better.
_EPSILON = 2.0**-23
# What moves an answer by more than this share of the largest is no rounding: a broken
# kernel or a wrong fusion must not widen the very tolerance that should show it.
_MOST = 1e-3

DECISIONS = "its kind is held to decisions, not to a tolerance"
NO_ORACLE = "neither side has a float64 oracle, so their rounding is not known"


def derive(entry: OutputTolerance, *, asked: bool) -> OutputTolerance:
    """The entry with its tolerances, or with the reason why there are none.

    The floor is the sum over both sides of the larger of noise and rounding; a side
    without an oracle is taken to round as the other does. ``atol`` is `FACTOR` times
    the floor, and ``rtol`` the same over the scale.

    Args:
        entry: What was measured.
        asked: Whether the candidate is held to tolerances at all.
    """
    if not asked:
        return replace(entry, reason=DECISIONS)
    most = _MOST * entry.scale
    left = _too_far(entry, most)
    entry = replace(entry, unmeasured={**entry.unmeasured, **left})
    reference = _rounding(entry.reference_rounding, most)
    candidate = _rounding(entry.candidate_rounding, most)
    if reference is None and candidate is None:
        return replace(entry, reason=NO_ORACLE)
    least = _EPSILON * entry.scale
    floor = 0.0
    for rounding, noise in (
        (reference, entry.reference_noise),
        (candidate, entry.candidate_noise),
    ):
        known = [far for far in (reference, candidate) if far is not None]
        own = max(known) if rounding is None else rounding
        floor += max(own, least, *(far for far in noise.values() if far <= most))
    atol = _rounded_up(FACTOR * floor)
    rtol = _rounded_up(FACTOR * floor / entry.scale) if entry.scale else 0.0
    return replace(entry, atol=atol, rtol=rtol)


def _rounding(distance: float | None, most: float) -> float | None:
    return None if distance is None or distance > most else distance


def _too_far(entry: OutputTolerance, most: float) -> dict[str, str]:
    """What moved so far that it is left out, with how far."""
    sides: tuple[tuple[str, Mapping[str, float]], ...] = (
        ("reference, ", entry.reference_noise),
        ("", entry.candidate_noise),
    )
    moved = {f"{who}{k}": v for who, noise in sides for k, v in noise.items()}
    roundings = {
        "oracle": entry.reference_rounding,
        "own oracle": entry.candidate_rounding,
    }
    moved |= {name: far for name, far in roundings.items() if far is not None}
    return {
        name: f"left out: it is {far:.1e} away, which is no rounding"
        for name, far in moved.items()
        if far > most
    }


def _rounded_up(value: float) -> float:
    """Two digits, so that noise of the measurement does not rewrite the lock."""
    if not value:
        return 0.0
    digits = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / digits) * digits:.1e}")
