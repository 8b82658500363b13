"""From which class to which, of which true class: counted over all flips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.flips import NO_CLASS
from harness.core.results import Flow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from harness.core.protocols import FloatArray, IntArray

MOST_FLOWS = 50
_PENDING = 1 << 16


class FlowCounts:
    """Counts flips by (true, old, new); memory grows with the kinds that occur.

    Args:
        class_names: Names by class index.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = (*class_names, NO_CLASS)
        # One for no class, and one for no label.
        self._width = len(class_names) + 2
        self._keys: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.int64]] = []
        self._margins: list[NDArray[np.float64]] = []
        self._pending = 0

    def update(
        self, moves: tuple[IntArray, IntArray, IntArray | None], margins: FloatArray
    ) -> None:
        """Take in flips.

        Args:
            moves: Old, new and true class of each; no true class without labels.
            margins: As of `Flip`, shape (n,).
        """
        old, new, true = moves
        first = np.full(len(old), self._width - 1) if true is None else true
        keys = (first.astype(np.int64) * self._width + old) * self._width + new
        self._append(keys, np.ones(len(keys), np.int64), margins.astype(np.float64))

    def merge(self, other: FlowCounts) -> None:
        """Take in all that another has seen."""
        for chunk in zip(other._keys, other._counts, other._margins, strict=True):
            self._append(*chunk)

    def result(self) -> tuple[Flow, ...]:
        """The largest, of equal ones by class."""
        self._compact()
        if not self._keys:
            return ()
        (keys,), (counts,), (margins,) = self._keys, self._counts, self._margins
        order = np.lexsort((keys, -counts))[:MOST_FLOWS]
        return tuple(
            self._flow(*row)
            for row in zip(
                keys[order].tolist(),
                counts[order].tolist(),
                margins[order].tolist(),
                strict=True,
            )
        )

    def _flow(self, key: int, n: int, margin: float) -> Flow:
        key, new = divmod(key, self._width)
        true, old = divmod(key, self._width)
        told = None if true == self._width - 1 else self._names[true]
        return Flow(told, self._names[old], self._names[new], n, margin / n)

    def _append(
        self,
        keys: NDArray[np.int64],
        counts: NDArray[np.int64],
        margins: NDArray[np.float64],
    ) -> None:
        self._keys.append(keys)
        self._counts.append(counts)
        self._margins.append(margins)
        self._pending += len(keys)
        if self._pending > _PENDING + 2 * len(self._keys[0]):
            self._compact()

    def _compact(self) -> None:
        if not self._keys:
            return
        keys, places = np.unique(np.concatenate(self._keys), return_inverse=True)
        counts = np.bincount(places, np.concatenate(self._counts), len(keys))
        margins = np.bincount(places, np.concatenate(self._margins), len(keys))
        self._keys, self._margins = [keys], [margins.astype(np.float64)]
        self._counts = [counts.astype(np.int64)]
        self._pending = 0


def collapse_index(predicted: IntArray) -> float | None:
    """1 - exp(H) / classes of how often each class is answered; None for no answers.

    exp(H) is the number of equally likely classes that would be as diverse: Hill
    (1973), "Diversity and evenness: a unifying notation and its consequences",
    Ecology 54, of order 1.

    Args:
        predicted: Answers a class, shape (classes,).
    """
    total = int(predicted.sum())
    if not total:
        return None
    shares = predicted[predicted > 0] / total
    entropy = float(-(shares * np.log(shares)).sum())
    return max(0.0, 1.0 - float(np.exp(entropy)) / len(predicted))
