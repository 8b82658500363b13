"""Raw tensors: their numbers are compared, and nothing is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.comparison.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.comparison.batch import ComparisonBatch


class TensorTask:
    """Nothing beyond what every output is held to.

    Args:
        options: None are known.
        _class_names: Not used.

    Raises:
        SuiteError: There is an option.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        _class_names: Sequence[str] | None = None,
    ) -> None:
        Options("tensor", options, ())

    def update(self, batch: ComparisonBatch) -> None:
        """Nothing to take in."""

    def merge(self, other: TensorTask) -> None:
        """Nothing to take in."""

    def result(self) -> None:
        """Nothing was made."""
