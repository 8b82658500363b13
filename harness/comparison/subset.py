"""A bounded number of samples, drawn by chance and always the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.chance import hashes

if TYPE_CHECKING:
    from harness.core.protocols import Array, Arrays, IntArray


class Subset:
    """Keeps the samples whose hashes are smallest, whatever order they come in.

    Args:
        limit: Samples to keep at most.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._samples: IntArray = np.zeros(0, np.int64)
        self._arrays: dict[str, Array] = {}
        self.n_seen = 0

    def update(self, samples: IntArray, arrays: Arrays) -> None:
        """Take in samples.

        Args:
            samples: Sample indices, shape (n,).
            arrays: What to keep of them; axis 0 counts samples. Copied.
        """
        self.n_seen += len(samples)
        self._add(samples.astype(np.int64), arrays)

    def merge(self, other: Subset) -> None:
        """Take in all that another has kept."""
        self.n_seen += other.n_seen
        self._add(other._samples, other._arrays)

    @property
    def samples(self) -> IntArray:
        """Indices of the samples that were kept, rising."""
        return self._samples

    @property
    def complete(self) -> bool:
        """Whether every sample that was seen was kept."""
        return self.n_seen == len(self._samples)

    def arrays(self) -> dict[str, Array]:
        """What was kept, in the order of `samples`."""
        return dict(self._arrays)

    def _add(self, samples: IntArray, arrays: Arrays) -> None:
        if not len(samples):
            return
        joined = np.concatenate([self._samples, samples])
        chosen = np.argsort(hashes(joined), kind="stable")[: self.limit]
        chosen = chosen[np.argsort(joined[chosen], kind="stable")]
        self._arrays = {
            name: _joined(self._arrays.get(name), array)[chosen]
            for name, array in arrays.items()
        }
        self._samples = joined[chosen]


def _joined(kept: Array | None, more: Array) -> Array:
    return more if kept is None else np.concatenate([kept, more])
