"""Whether a translation answers as the file does: a wrong one is worse than none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array, Arrays
    from harness.graphs.translate.translation import Translation

# float32 rounding through a deep network, of its largest answer.
_RELATIVE = 1e-5
# A value next to the middle of two codes may go to either: one step, and rounding.
_STEPS = 1.01
# A network that magnifies rounding does so for every order of sums.
_FLOORS = 3
_ROUNDING_RELATIVE = 1 / 256


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a translation answers, beside the file.

    Attributes:
        error: Largest difference, over the largest answer of the same output.
        reason: Why the translation must not be used; nothing where it may be.
    """

    error: float
    reason: str = ""


def verify(
    translation: Translation,
    answer: Callable[[], Arrays],
    answers: Arrays,
    again: Callable[[], Arrays] | None = None,
) -> Agreement:
    """Hold a translation's answers against those of the file's own runtime.

    Args:
        translation: What is looked at.
        answer: Runs it on the samples of `answers`; may raise BackendError.
        answers: Output name -> what the file's own runtime answered.
        again: Runs it with sums in other orders: what moves then is rounding. Asked
            only where the answers are not close.
    """
    try:
        ours = answer()
    except BackendError as error:
        return Agreement(float("inf"), f"it does not run: {error.message}")
    worst = 0.0
    for name, theirs in sorted(answers.items()):
        if name not in ours or ours[name].shape != theirs.shape:
            return Agreement(float("inf"), f"output {name!r} has another shape")
        apart, allowed = _apart(ours[name], theirs), _allowed(translation, name, theirs)
        if not apart <= allowed and again is not None:
            allowed = max(allowed, _FLOORS * _floor(ours[name], again, name))
        if not apart <= allowed:
            why = f"output {name!r} is {apart:.3g} off, of {allowed:.3g} allowed"
            return Agreement(float("inf"), why)
        worst = max(worst, apart / (_largest(theirs) or 1.0))
    return Agreement(worst)


def _floor(ours: Array, again: Callable[[], Arrays], name: str) -> float:
    """How far rounding alone moves an output; 0 where it cannot be told."""
    try:
        other = again()[name]
    except BackendError:
        return 0.0
    known = other.shape == ours.shape and np.isfinite(ours).all()
    return _apart(ours, other) if known and ours.dtype.kind == "f" else 0.0


def _allowed(translation: Translation, name: str, theirs: Array) -> float:
    largest = _largest(theirs)
    step = translation.steps.get(name, 0.0)
    relative = _ROUNDING_RELATIVE if translation.rounds and not step else _RELATIVE
    return max(_STEPS * step, relative * largest + 1e-30)


def _largest(array: Array) -> float:
    if array.dtype.kind not in "fiub":
        return 0.0
    finite = np.abs(np.asarray(array[np.isfinite(array)], np.float64))
    return float(finite.max(initial=0.0))


def _apart(ours: Array, theirs: Array) -> float:
    """Largest difference; what is not finite must be so in both."""
    if theirs.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(ours, theirs) else float("inf")
    mine, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    alike = (mine == other) | (np.isnan(mine) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        gap = np.where(alike, 0.0, np.abs(mine - other))
    return float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0))
