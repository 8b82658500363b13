"""How far apart two sets of outputs are, in the few numbers a proof needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.shapes import require_same_shape
from harness.comparison.tasks.classification import decisions, find_scores
from harness.core.errors import ComparisonError
from harness.core.protocols import RerunError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        _errors(name, array, candidate[name])
        for name, array in reference.items()
        if name in candidate and array.dtype.kind in "biuf"
    ]
    return RerunError(
        max_abs_error=max((float(e.max(initial=0.0)) for e in errors), default=0.0),
        sum_abs_error=float(sum(e.sum() for e in errors)),
        n_samples=len(next(iter(reference.values()), ())),
        n_flipped=_flipped(reference, candidate, class_names),
    )


def _errors(name: str, reference: Array, candidate: Array) -> Array:
    """|c - r| in float64; 0 where both are not finite in the same way."""
    require_same_shape(name, reference, name, candidate)
    r, c = reference.astype(np.float64), candidate.astype(np.float64)
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
