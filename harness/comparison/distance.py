"""How far apart two sets of outputs are, in the few numbers a proof needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.shapes import require_same_shape
from harness.comparison.tasks.classification import decisions, find_scores
from harness.core.errors import ComparisonError
from harness.core.protocols import RerunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.protocols import Array, Arrays


def distance(
    reference: Arrays, candidate: Arrays, class_names: Sequence[str] | None = None
) -> RerunError:
    """The error of a few samples that are in memory at once.

    Elements that are not finite on one side only count as an infinite error.

    Args:
        reference: Output name -> array, axis 0 counts samples.
        candidate: Likewise, under the reference's names.
        class_names: Names of the classes; None counts no flips.

    Raises:
        ShapeMismatchError: Reference and candidate answer with different shapes.
    """
    errors = [
        error
        for name, array in reference.items()
        if name in candidate and array.dtype.kind in "biuf"
        for error in _errors(name, array, candidate[name])
    ]
    return RerunError(
        max_abs_error=max((largest for largest, _ in errors), default=0.0),
        sum_abs_error=float(sum(total for _, total in errors)),
        n_samples=len(next(iter(reference.values()), ())),
        n_flipped=_flipped(reference, candidate, class_names),
    )


def _errors(
    name: str, reference: Array, candidate: Array
) -> Iterator[tuple[float, float]]:
    """Largest and summed |c - r| of each sample, one in float64 at a time."""
    require_same_shape(name, reference, name, candidate)
    for mine, other in zip(
        np.atleast_1d(reference), np.atleast_1d(candidate), strict=True
    ):
        error = _error(np.asarray(mine, np.float64), np.asarray(other, np.float64))
        yield float(error.max(initial=0.0)), float(error.sum())


def _error(r: Array, c: Array) -> Array:
    """|c - r|; 0 where both are not finite in the same way."""
    alike = (r == c) | (np.isnan(r) & np.isnan(c))
    with np.errstate(invalid="ignore"):
        apart = np.where(alike, 0.0, np.abs(c - r))
    return np.nan_to_num(apart, nan=np.inf, posinf=np.inf)


def _flipped(
    reference: Arrays, candidate: Arrays, class_names: Sequence[str] | None
) -> int | None:
    if class_names is None:
        return None
    try:
        name = find_scores(reference, class_names)
    except ComparisonError:
        return None
    old, new = decisions(reference[name]), decisions(candidate[name])
    return int(np.count_nonzero(old != new))
