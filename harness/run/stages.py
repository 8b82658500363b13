"""Golden data in an order in which any beginning stands for the whole."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import IntArray

# Enough for the first samples, which causes are looked for on, to lie in one block;
# more blocks than these would cost more than they spread.
_LEAST_ROWS = 64
_MOST_BLOCKS = 1 << 14


class Deck:
    """Blocks of golden data in an order drawn by chance, and spread evenly.

    A block is whole batches, those that a run over all samples makes. Of the first
    2^k blocks one lies in each of 2^k equal stretches of the data (but for what the
    last power of two lacks), wherever chance puts it there: a scrambled van der Corput
    sequence (Owen 1995, "Randomly permuted (t, m, s)-nets"). What is seen is so
    stratified by place, and by class where classes lie one behind the other, however
    far it goes.

    Args:
        n_samples: Samples in all.
        step: Samples at which batches of all variants meet.
        seed: Text that the order is drawn by.

    Attributes:
        n_samples: As given.
        rows: Samples a block; the last block may have fewer.
        n_blocks: How many.
    """

    def __init__(self, n_samples: int, step: int, seed: str) -> None:
        self.n_samples = n_samples
        least = max(_LEAST_ROWS, n_samples // _MOST_BLOCKS)
        self.rows = -(-least // step) * step
        self.n_blocks = -(-n_samples // self.rows)
        digest = hashlib.sha256(seed.encode()).digest()
        self._order = _spread(self.n_blocks, int.from_bytes(digest[:8], "big"))

    def spans(self, done: int, mark: int) -> tuple[slice, ...]:
        """Samples that come in between two marks, rising; neighbours are joined.

        Args:
            done: Blocks that were seen.
            mark: Blocks that are to be.
        """
        return tuple(self._joined(np.sort(self._order[done:mark])))

    def n_seen(self, mark: int) -> int:
        """Samples of so many blocks."""
        lacking = self.n_blocks * self.rows - self.n_samples
        has_last = bool((self._order[:mark] == self.n_blocks - 1).any())
        return mark * self.rows - (lacking if has_last else 0)

    def _joined(self, blocks: IntArray) -> Iterator[slice]:
        gaps = np.flatnonzero(np.diff(blocks) > 1) + 1
        for run in np.split(blocks, gaps):
            if len(run):
                stop = (int(run[-1]) + 1) * self.rows
                yield slice(int(run[0]) * self.rows, min(stop, self.n_samples))


def _spread(n: int, seed: int) -> IntArray:
    """0 to n - 1, 0 first: causes are looked for on the first samples.

    Each half of what comes lies between what was there.
    """
    random = np.random.default_rng(seed)
    cells = np.zeros(1, np.int64)
    while len(cells) < n:
        sides = random.integers(0, 2, len(cells))
        cells = np.concatenate([2 * cells + sides, 2 * cells + 1 - sides])
    # The same sides swapped everywhere: no two blocks come closer or farther by it.
    cells ^= cells[0]
    return cells[cells < n]
