"""What a comparison is fed: the same samples as two variants answered them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array, Arrays, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonBatch:
    """Consecutive golden samples as reference and candidate answered them.

    Attributes:
        rows: Which golden samples, as a slice without step.
        reference: The reference's output name -> array; axis 0 counts samples.
        candidate: The candidate's arrays, under the *reference's* output names.
        labels: Class indices, shape (n,); None without labels.
        sample_ids: The data's own names of the samples, shape (n,) of str; None
            where it has none.
        targets: As `GoldenChunk.targets`.
        metadata: As `GoldenChunk.metadata`.
        inputs: As `GoldenChunk.inputs`: masks may be among them.
        picked: Which golden samples these are where they are only some of `rows`,
            shape (n,).
    """

    rows: slice
    reference: Arrays
    candidate: Arrays
    labels: IntArray | None = None
    sample_ids: Array | None = None
    targets: Arrays = field(default_factory=dict)
    metadata: Arrays = field(default_factory=dict)
    inputs: Arrays = field(default_factory=dict)
    picked: IntArray | None = None

    @property
    def samples(self) -> IntArray:
        """Indices of the samples, shape (n,)."""
        if self.picked is not None:
            return self.picked
        return np.arange(self.rows.start, self.rows.stop)

    @property
    def groups(self) -> Array | None:
        """What depends on each other has one of these, shape (n,), if declared."""
        return self.metadata.get("group")

    def blocks(self, rows: int) -> Iterator[ComparisonBatch]:
        """The same samples in views of at most so many rows."""
        n = len(self.samples)
        if n <= rows:
            yield self
            return
        for start in range(0, n, rows):
            yield self.where(slice(start, start + rows))

    def where(self, chosen: Array | slice) -> ComparisonBatch:
        """Only the samples that a mask or indices of shape (n,), or a slice, choose."""
        return ComparisonBatch(
            self.rows,
            _some(self.reference, chosen),
            _some(self.candidate, chosen),
            None if self.labels is None else self.labels[chosen],
            None if self.sample_ids is None else self.sample_ids[chosen],
            _some(self.targets, chosen),
            _some(self.metadata, chosen),
            _some(self.inputs, chosen),
            self.samples[chosen],
        )


def _some(arrays: Arrays, chosen: Array | slice) -> dict[str, Array]:
    return {name: array[chosen] for name, array in arrays.items()}
