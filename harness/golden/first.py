"""The first samples of golden data, as golden data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.protocols import GoldenChunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import GoldenSource, TensorSpec


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

    def chunks(self, rows: int) -> Iterator[GoldenChunk]:
        """Chunks of at most `rows` samples, in order, up to the last one kept."""
        for chunk in self._source.chunks(min(rows, self.n_samples)):
            yield _until(chunk, self.n_samples)
            if chunk.rows.stop >= self.n_samples:
                return


def _until(chunk: GoldenChunk, stop: int) -> GoldenChunk:
    """The part of a chunk in front of golden sample `stop`."""
    start = chunk.rows.start
    if chunk.rows.stop <= stop:
        return chunk
    keep = slice(0, stop - start)
    return GoldenChunk(
        slice(start, stop),
        {name: array[keep] for name, array in chunk.inputs.items()},
        None if chunk.labels is None else chunk.labels[keep],
        None if chunk.sample_ids is None else chunk.sample_ids[keep],
    )
