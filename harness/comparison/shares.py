"""Quotients that may have nothing below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part by whole; NaN where there is no whole."""
    found: FloatArray = np.divide(
        part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0
    )
    return found


def mean_over(values: FloatArray) -> FloatArray:
    """Mean over axis 1 of what is no NaN; NaN where nothing is."""
    there = ~np.isnan(values)
    total = np.where(there, values, 0.0).sum(axis=1)
    return share(total, there.sum(axis=1).astype(np.float64))
