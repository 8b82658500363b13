"""Samples that were right and are wrong, and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.groups import GroupLosses, NetLosses

if TYPE_CHECKING:
    from harness.core.protocols import Array


class Regressions:
    """Counts what was lost and won, by groups where samples come in groups."""

    def __init__(self) -> None:
        self.lost = self.won = 0
        self._groups: GroupLosses | None = None

    def update(self, before: Array, after: Array, groups: Array | None = None) -> None:
        """Take in samples.

        Args:
            before: Whether the reference is right, shape (n,) of bool.
            after: Whether the candidate is.
            groups: What depends on each other has one of these, shape (n,).
        """
        lost, won = before & ~after, after & ~before
        self.lost += int(lost.sum())
        self.won += int(won.sum())
        if groups is None:
            return
        self._groups = self._groups or GroupLosses()
        for moved, change in ((lost, 1), (won, -1)):
            found = groups[moved]
            self._groups.update(np.zeros(len(found), np.int64), found, change)

    def merge(self, other: Regressions) -> None:
        """Take in all that another has seen."""
        self.lost += other.lost
        self.won += other.won
        if other._groups is not None:
            self._groups = self._groups or GroupLosses()
            self._groups.merge(other._groups)

    @property
    def group_losses(self) -> NetLosses | None:
        """As of `LabelComparison`."""
        return self._groups.of_all() if self._groups else None
