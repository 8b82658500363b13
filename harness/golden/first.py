"""The first samples of golden data, as golden data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.golden.spans import settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import GoldenChunk, GoldenSource, TensorSpec
    from harness.core.vouched import Vouched


class FirstSamples:
    """Golden data that ends early; see `harness.core.protocols.GoldenSource`.

    Args:
        source: All of it.
        n: Samples to keep, at least 1.
    """

    def __init__(self, source: GoldenSource, n: int) -> None:
        self._source = source
        self.n_samples = min(n, source.n_samples)
        self.inputs: tuple[TensorSpec, ...] = source.inputs
        self.class_names = source.class_names
        self.has_labels = source.has_labels
        self.notices = source.notices

    @property
    def digest(self) -> str:
        """sha256 over all of the data, hex."""
        return self._source.digest

    def vouch(self, *, whole: bool = False) -> Vouched:
        """What has been made sure of so far; see `GoldenSource`."""
        return self._source.vouch(whole=whole)

    def chunks(self, rows: int, span: slice | None = None) -> Iterator[GoldenChunk]:
        """Chunks of at most `rows` samples, in order, up to the last one kept.

        Raises:
            GoldenError: As the form's own reader.
        """
        kept = settled(span, self.n_samples)
        yield from self._source.chunks(min(rows, self.n_samples), kept)
