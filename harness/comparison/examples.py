"""The first samples of each kind: who they are, what was answered, what is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.flips import NO_CLASS
from harness.core.results import Flip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from harness.core.protocols import Array, FloatArray, IntArray

    Moves = tuple[IntArray, IntArray, IntArray | None]

# Kinds that are kept, and samples of each: of those that moved, and of the others.
MOST_MOVED, EACH_MOVED = 200, 2
MOST_ALIKE, EACH_ALIKE = 100, 1


class ExampleLog:
    """Keeps the first samples of each (true, old, new), of the kinds seen first.

    What is kept does not depend on how samples were split into batches. Nor does it on
    merging, while there are no more kinds than are kept.

    Args:
        class_names: Names by class index.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = (*class_names, NO_CLASS)
        self._moved = _Firsts(MOST_MOVED, EACH_MOVED)
        self._alike = _Firsts(MOST_ALIKE, EACH_ALIKE)

    def update(
        self, samples: IntArray, moves: Moves, margins: FloatArray, ids: Array | None
    ) -> None:
        """Take in consecutive samples.

        Args:
            samples: Their indices, shape (n,), rising.
            moves: Old, new and true class of each; no true class without labels.
            margins: As of `Flip`, of those that moved, in their order.
            ids: The samples' own names, shape (n,).
        """
        old, new, true = moves
        width = len(self._names) + 1
        first = np.full(len(old), width - 1) if true is None else true
        keys = (first.astype(np.int64) * width + old) * width + new
        moved = old != new
        places = np.cumsum(moved) - 1
        for firsts, chosen in ((self._moved, moved), (self._alike, ~moved)):
            at = np.flatnonzero(chosen)
            for i in at[firsts.worthy(keys[at])].tolist():
                if not firsts.has_room(int(keys[i])):
                    continue
                flip = Flip(
                    sample=int(samples[i]),
                    true=None if true is None else self._names[true[i]],
                    old=self._names[old[i]],
                    new=self._names[new[i]],
                    margin=float(margins[places[i]]) if moved[i] else 0.0,
                    sample_id=None if ids is None else str(ids[i]),
                )
                firsts.add(int(keys[i]), flip)

    def merge(self, other: ExampleLog) -> None:
        """Take in all that another of the same classes has kept."""
        self._moved.merge(other._moved)
        self._alike.merge(other._alike)

    def result(self) -> tuple[Flip, ...]:
        """Those that moved, by sample; then the others."""
        return (*self._moved.result(), *self._alike.result())


class _Firsts:
    """The first samples of each kind.

    Args:
        most: Kinds to keep.
        each: Samples of each.
    """

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._kept: dict[int, list[Flip]] = {}

    def worthy(self, keys: IntArray) -> NDArray[np.bool_]:
        """Which samples may be kept, by their kinds; shape (n,)."""
        full = [k for k, flips in self._kept.items() if len(flips) >= self._each]
        if len(self._kept) < self._most:
            may = ~np.isin(keys, full)
        else:
            may = np.isin(keys, [k for k in self._kept if k not in set(full)])
        at = np.flatnonzero(may)
        order = at[np.argsort(keys[at], kind="stable")]
        # The samples of a kind are counted: those behind the first few are never kept.
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        ranks = np.arange(len(order)) - np.repeat(
            starts, np.diff(starts, append=len(order))
        )
        may[order[ranks >= self._each]] = False
        return may

    def has_room(self, key: int) -> bool:
        """Whether one more of a kind is kept."""
        if key in self._kept:
            return len(self._kept[key]) < self._each
        return len(self._kept) < self._most

    def add(self, key: int, flip: Flip) -> None:
        """Keep one more."""
        self._kept.setdefault(key, []).append(flip)

    def merge(self, other: _Firsts) -> None:
        """Take in what another has kept."""
        for key, flips in other._kept.items():
            mine = [*self._kept.get(key, []), *flips]
            self._kept[key] = sorted(mine, key=_sample)[: self._each]
        by_first = sorted(self._kept, key=lambda key: self._kept[key][0].sample)
        self._kept = {key: self._kept[key] for key in by_first[: self._most]}

    def result(self) -> list[Flip]:
        """All that is kept, by sample."""
        return sorted((f for flips in self._kept.values() for f in flips), key=_sample)


def _sample(flip: Flip) -> int:
    return flip.sample
