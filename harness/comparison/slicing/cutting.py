"""Which samples of a batch belong to which slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.slicing.expression import Expression
from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.comparison.batch import ComparisonBatch
    from harness.core.protocols import Array
    from harness.core.specs import SliceSpec


@dataclass(frozen=True, slots=True)
class Cut:
    """Something that makes slices.

    Attributes:
        name: As the suite calls it; of a column, its name.
        condition: Makes one slice; None where columns do.
        columns: Their values, crossed, each make one.
    """

    name: str
    condition: Expression | None
    columns: tuple[str, ...] = ()

    def masks(self, batch: ComparisonBatch) -> Iterator[tuple[str, Array]]:
        """Slices that are not empty, and who is in them.

        Raises:
            SuiteError: A column is not there, or does not fit the expression.
        """
        n = len(batch.samples)
        if self.condition is not None:
            yield self.name, self.condition.mask(batch.metadata, n)
            return
        keys = self._keys(batch)
        names, places = np.unique(keys, return_inverse=True)
        for index, name in enumerate(names.tolist()):
            yield name, places.reshape(-1) == index

    def _keys(self, batch: ComparisonBatch) -> Array:
        parts = []
        for column in self.columns:
            if column not in batch.metadata:
                have = ", ".join(sorted(batch.metadata)) or "none"
                raise SuiteError(
                    f"slice {self.name!r}: no column {column!r} (columns: {have})",
                    hint="name it in [golden] metadata",
                )
            values = batch.metadata[column].astype(str)
            parts.append(np.char.add(f"{column}=", values))
        joined = parts[0]
        for part in parts[1:]:
            joined = np.char.add(np.char.add(joined, ", "), part)
        return joined


def declared_cuts(slices: Sequence[SliceSpec]) -> tuple[Cut, ...]:
    """Cuts that the suite declares.

    Raises:
        SuiteError: An expression cannot be read.
    """
    return tuple(
        Cut(one.name, Expression(one.name, one.where) if one.where else None, one.by)
        for one in slices
    )
