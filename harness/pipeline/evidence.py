"""The first few samples with everyone's answers: what causes are looked for on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from harness.core.protocols import Array, Arrays

# Enough to tell causes apart and to prove an edit, and their most bytes.
EVIDENCE_SAMPLES = 64
_EVIDENCE_BYTES = 64 << 20


class Evidence:
    """Keeps the first samples of one stream of windows; the rest goes by."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Array]] = {}
        self._n = 0

    def add(self, arrays: Arrays) -> None:
        """Take in a window; copies what it keeps, so that the window can be freed.

        Args:
            arrays: Name -> array; axis 0 counts the window's samples.
        """
        room = self._room(arrays)
        if room <= 0:
            return
        for name, array in arrays.items():
            self._kept.setdefault(name, []).append(array[:room].copy())
        self._n += min(room, len(next(iter(arrays.values()), ())))

    def merge(self, other: Evidence) -> None:
        """Take in what the samples behind these have left."""
        for row in range(len(next(iter(other._kept.values()), ()))):
            self.add({name: kept[row] for name, kept in other._kept.items()})

    def arrays(self, n: int | None = None) -> dict[str, Array]:
        """Name -> array over the kept samples, the first `n` of them."""
        return {k: np.concatenate(parts)[:n] for k, parts in self._kept.items()}

    def __len__(self) -> int:
        return self._n

    def _room(self, arrays: Arrays) -> int:
        if self._n >= EVIDENCE_SAMPLES:
            return 0
        rows = max(1, len(next(iter(arrays.values()), ())))
        a_sample = max(1, sum(int(array.nbytes) for array in arrays.values()) // rows)
        most = max(1, min(EVIDENCE_SAMPLES, _EVIDENCE_BYTES // a_sample))
        return most - self._n
