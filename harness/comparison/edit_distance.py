"""How many tokens must be put in, taken out or replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import IntArray


def edit_distance(first: IntArray, second: IntArray) -> int:
    """Levenshtein distance (1966) of two sequences of tokens, shapes (n,) and (m,).

    One row of the table at a time: what comes from the left in a row is a running
    minimum once each place's own cost is taken off.
    """
    places = np.arange(len(second) + 1)
    row = places.copy()
    for done, token in enumerate(first.tolist(), start=1):
        best = np.minimum(row[1:] + 1, row[:-1] + (second != token))
        open_row = np.concatenate([[done], best]) - places
        row = np.minimum.accumulate(open_row) + places
    return int(row[-1])
