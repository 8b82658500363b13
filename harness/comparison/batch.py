"""What a comparison is fed: the same samples as two variants answered them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    """

    rows: slice
    reference: Arrays
    candidate: Arrays
    labels: IntArray | None = None
    sample_ids: Array | None = None
