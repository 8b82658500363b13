"""Losses and wins a group of samples that depend on each other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import Array, IntArray

NetLosses = tuple[tuple[int, int], ...]


class GroupLosses:
    """Net losses of each class and group; memory grows with the groups that moved."""

    def __init__(self) -> None:
        self._net: Counter[tuple[int, str]] = Counter()

    def update(self, classes: IntArray, groups: Array, change: int) -> None:
        """Take in samples that moved.

        Args:
            classes: Their true classes, shape (n,).
            groups: What each belongs to, shape (n,).
            change: 1 for losses, -1 for wins.
        """
        for one, group in zip(classes.tolist(), groups.tolist(), strict=True):
            self._net[one, str(group)] += change

    def merge(self, other: GroupLosses) -> None:
        """Take in all that another has seen."""
        for key, net in other._net.items():
            self._net[key] += net

    def of_class(self, index: int) -> NetLosses:
        """Net loss -> groups of the class that have it, rising; zeros left out."""
        return _histogram([net for (one, _), net in self._net.items() if one == index])

    def of_all(self) -> NetLosses:
        """Likewise over all classes, a group's classes together."""
        whole: Counter[str] = Counter()
        for (_, group), net in self._net.items():
            whole[group] += net
        return _histogram(list(whole.values()))


def _histogram(nets: list[int]) -> NetLosses:
    values, counts = np.unique(np.array(nets, np.int64), return_counts=True)
    pairs = zip(values.tolist(), counts.tolist(), strict=True)
    return tuple((net, count) for net, count in pairs if net)
