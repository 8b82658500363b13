"""Samples whose top class moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.results import Flip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.core.protocols import Array, FloatArray, IntArray

NO_CLASS = "(no class: NaN)"


class FlipLog:
    """Keeps the flips with the largest margins, of equal ones the first.

    Args:
        class_names: Names by class index.
        keep: Flips to keep.
    """

    def __init__(self, class_names: Sequence[str], keep: int = 100) -> None:
        self._names = (*class_names, NO_CLASS)
        self._keep = keep
        self._found: list[Flip] = []
        self._least = -np.inf

    def update(
        self,
        samples: IntArray,
        margins: FloatArray,
        moves: tuple[IntArray, IntArray, IntArray | None],
        ids: Array | None,
    ) -> None:
        """Take in flips.

        Args:
            samples: Sample indices, shape (n,).
            margins: Reference's top score less its score for the new class.
            moves: Old, new and true class of each; no true class without labels.
            ids: The samples' own names, shape (n,).
        """
        old, new, true = moves
        # Once the log is full, few flips are still worth a record.
        worthy = np.flatnonzero(margins >= self._least)
        order = np.lexsort((samples[worthy], -margins[worthy]))[: self._keep]
        for i in worthy[order].tolist():
            flip = Flip(
                sample=int(samples[i]),
                true=None if true is None else self._names[true[i]],
                old=self._names[old[i]],
                new=self._names[new[i]],
                margin=float(margins[i]),
                sample_id=None if ids is None else str(ids[i]),
            )
            self._found.append(flip)
        self._prune()

    def merge(self, other: FlipLog) -> None:
        """Take in all that another log has kept."""
        self._found += other._found
        self._prune()

    def result(self) -> tuple[Flip, ...]:
        """Largest margin first."""
        return tuple(self._found)

    def _prune(self) -> None:
        self._found.sort(key=lambda flip: (-flip.margin, flip.sample))
        del self._found[self._keep :]
        if len(self._found) == self._keep:
            self._least = self._found[-1].margin
