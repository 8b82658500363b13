"""Golden inputs of the samples that variants part on, reduced as they go by."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from harness.comparison.previews import Look, look
from harness.core.results import ShownSample

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from harness.comparison import ComparisonResult
    from harness.core.protocols import Array, GoldenChunk
    from harness.core.results import Preview

MOST_SAMPLES = 240
MOST_BYTES = 300_000
MOST_INPUTS = 2
_MOST_FLIPS = 100
_MOST_WORST = 5
_SMALL = 2_048


class Looks:
    """Keeps reduced inputs of the samples that are wanted, and forgets the others."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[str | None, dict[str, Look | Array]]] = {}

    def update(self, chunk: GoldenChunk, wanted: Collection[int]) -> None:
        """Take in a chunk.

        Args:
            chunk: Golden samples; their inputs are not kept.
            wanted: Samples that are wanted, of this chunk and of those before it.
        """
        self.keep(wanted)
        names = list(chunk.inputs)[:MOST_INPUTS]
        rows = range(chunk.rows.start, chunk.rows.stop)
        for sample in sorted(s for s in wanted if s in rows):
            at = sample - chunk.rows.start
            ids = chunk.sample_ids
            told = None if ids is None else str(ids[at])
            looks = {name: _reduced(chunk.inputs[name][at]) for name in names}
            self._kept[sample] = told, looks

    def merge(self, other: Looks) -> None:
        """Take in what another has kept."""
        self._kept |= other._kept

    def keep(self, wanted: Collection[int]) -> None:
        """Forget all samples but those that are still wanted."""
        self._kept = {s: kept for s, kept in self._kept.items() if s in wanted}

    def result(
        self, compared: Mapping[str, ComparisonResult]
    ) -> tuple[ShownSample, ...]:
        """The samples of most interest, each candidate's in turn; by index.

        Args:
            compared: What the candidates' comparisons found.
        """
        turns = zip_longest(*map(_interesting, compared.values()))
        wanted = dict.fromkeys(s for s in chain.from_iterable(turns) if s in self._kept)
        found = []
        room = MOST_BYTES
        for sample in list(wanted)[:MOST_SAMPLES]:
            told, looks = self._kept[sample]
            previews = tuple(
                (one if isinstance(one, Look) else look(one)).preview(name)
                for name, one in looks.items()
            )
            room -= sum(len(p.png or p.text or "") + 8 * _points(p) for p in previews)
            if room < 0:
                break
            found.append(ShownSample(sample, previews, told))
        return tuple(sorted(found, key=lambda shown: shown.sample))


def _reduced(sample: Array) -> Look | Array:
    """What is kept of an input; a small one is reduced when it is to be shown."""
    return sample.copy() if sample.nbytes <= _SMALL else look(sample)


def _points(preview: Preview) -> int:
    return sum(map(len, preview.lines))


def _interesting(result: ComparisonResult) -> Iterator[int]:
    """Samples of one candidate, the most telling first."""
    labels = result.labels
    worst = (w.sample for out in result.outputs for w in out.worst[:_MOST_WORST])
    if labels is None:
        yield from worst
        return
    moved = [e for e in labels.examples if e.old != e.new]
    size = {(f.true, f.old, f.new): f.n for f in labels.flows}
    moved.sort(key=lambda e: (-size.get((e.true, e.old, e.new), 0), e.sample))
    # One of each large flow, and the surest of the flips, in turn.
    flips = (f.sample for f in labels.flips[:_MOST_FLIPS])
    turns = chain.from_iterable(zip_longest((e.sample for e in moved), flips))
    yield from (sample for sample in turns if sample is not None)
    yield from worst
    yield from (e.sample for e in labels.examples if e.old == e.new)
