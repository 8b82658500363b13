"""Tensors of two graphs that stand for each other, found by their values.

Wherever a value of the candidate equals one of the reference, in whatever layout, both
graphs can be cut. Values before the first fault agree; those behind it agree as soon as
the reference's are fed in place of the wrong ones.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.layouts import Layout, distance_of, layouts, usual

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from harness.core.protocols import FloatArray
    from harness.diagnose.traces import Trace
    from harness.graphs.model import Graph


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How near values must be, over their size.

    Attributes:
        close: Values that are nearer may be the same one.
        far: A forced value that is farther is not merely rounded.
    """

    close: float
    far: float


SINGLE = Tolerance(1e-3, 1e-5)
HALF = Tolerance(2e-2, 5e-3)
QUANTIZED = Tolerance(0.15, 0.05)
_MOST_TRIED = 24


@dataclass(frozen=True, slots=True)
class Cut:
    """Two values that stand for each other.

    Attributes:
        candidate: Name in the candidate.
        reference: Name in the reference.
        layout: Brings the reference's to the candidate's layout.
        by: How it was found: value, weights, place, input or output.
    """

    candidate: str
    reference: str
    layout: Layout
    by: str


class ValueIndex:
    """The reference's values, to be found by what they hold.

    Args:
        graph: The reference.
        traces: Its values, in topological order.
    """

    def __init__(self, graph: Graph, traces: Mapping[str, Trace]) -> None:
        self._graph = graph
        self._place = {name: i / max(len(traces), 1) for i, name in enumerate(traces)}
        grouped: dict[tuple[int, str], list[Trace]] = {}
        for item in traces.values():
            # A state that nobody reads may equal what should not be read.
            if item.varies and (
                item.name in graph.outputs or graph.consumers(item.name)
            ):
                grouped.setdefault((item.size, item.kind), []).append(item)
        self._groups = {
            key: (items, np.stack([t.statistics for t in items]))
            for key, items in grouped.items()
        }

    def find(
        self, graph: Graph, candidate: Trace, place: float, close: float
    ) -> tuple[Cut, float] | None:
        """The reference's value that a candidate's equals, and how nearly.

        Args:
            graph: The candidate.
            candidate: Its value.
            place: Where it stands in its graph, from 0 to 1.
            close: What still counts as equal, over the value's size.
        """
        items, table = self._groups.get(
            (candidate.size, candidate.kind), ((), np.zeros((0, 6)))
        )
        if not candidate.varies or not len(items):
            return None
        near = self._near(table, candidate, close)
        ranked = sorted(
            (option for i in near for option in self._options(candidate, items[i])),
            key=lambda o: (o[1], *self._unlike(graph, candidate.name, o[0], place)),
        )
        best = [o for o in ranked if o[1] <= max(close, 0.0)]
        if not best:
            return None
        # Among equals the likest: rounding must not decide which copy is meant.
        least = best[0][1]
        equals = [o for o in best if o[1] <= 2 * least + 1e-6]
        return min(
            equals, key=lambda o: self._unlike(graph, candidate.name, o[0], place)
        )

    def _near(self, table: FloatArray, candidate: Trace, close: float) -> Iterable[int]:
        # Extremes move more than means do; they only help to rank.
        gaps = np.abs(table - candidate.statistics) / max(candidate.scale, 1e-30)
        away = gaps[:, 2:].max(axis=1)
        order = np.argsort(away, kind="stable")[:_MOST_TRIED]
        return [int(i) for i in order if away[i] <= 2 * close]

    def _options(
        self, candidate: Trace, reference: Trace
    ) -> Iterator[tuple[Cut, float]]:
        for layout in layouts(reference.shape, candidate.shape):
            away = distance_of(reference, candidate, layout)
            typed = replace(layout, dtype=candidate.dtype)
            yield Cut(candidate.name, reference.name, typed, "value"), away

    def _unlike(
        self, graph: Graph, name: str, cut: Cut, place: float
    ) -> tuple[bool, bool, float, str]:
        """Reasons to prefer another of several equal values."""
        mine = self._graph.producer(cut.reference)
        other = graph.producer(name)
        types = (mine and mine.op_type) == (other and other.op_type)
        away = abs(self._place.get(cut.reference, 0.0) - place)
        return not types, not cut.layout.plain, away, cut.reference


def match_values(
    index: ValueIndex,
    graph: Graph,
    traces: Mapping[str, Trace],
    known: Collection[str],
    close: float,
) -> dict[str, Cut]:
    """Cuts at all values of the candidate that the reference has as well."""
    found: dict[str, Cut] = {}
    for i, (name, item) in enumerate(traces.items()):
        if name in known:
            continue
        hit = index.find(graph, item, i / max(len(traces), 1), close)
        if hit is not None:
            found[name] = hit[0]
    return _consistent(found)


def _consistent(cuts: dict[str, Cut]) -> dict[str, Cut]:
    """Without layouts that no other cut has, among those of the same ranks.

    A transposition with the wrong axes is a fault; it must not become a layout.
    """
    seen = Counter(c.layout.perm for c in cuts.values() if c.layout.perm)
    swapped = {p for p in seen if p not in usual(len(p))}
    return {k: c for k, c in cuts.items() if c.layout.perm not in swapped}


def convention(cuts: Iterable[Cut]) -> dict[int, tuple[int, ...] | None]:
    """The transposition that most cuts of a rank need, None for none."""
    votes: dict[int, Counter[tuple[int, ...] | None]] = {}
    for cut in cuts:
        if cut.by == "value":
            rank = len(cut.layout.shape)
            votes.setdefault(rank, Counter())[cut.layout.perm] += 1
    return {rank: counter.most_common(1)[0][0] for rank, counter in votes.items()}


def placed(
    mine: Trace, other: Trace, habits: Mapping[int, tuple[int, ...] | None], by: str
) -> Cut | None:
    """A cut between values that differ, in the layout that others have."""
    options = list(layouts(mine.shape, other.shape))
    if not options or mine.kind != other.kind:
        return None
    ranked = sorted(options, key=lambda o: distance_of(mine, other, o))
    clear = len(ranked) > 1 and distance_of(mine, other, ranked[0]) < 0.5 * min(
        1.0, distance_of(mine, other, ranked[1])
    )
    habit = habits.get(len(other.shape))
    usual_ = [o for o in options if o.perm == habit] if len(options) > 1 else []
    chosen = ranked[0] if clear else (usual_ or options)[0]
    typed = replace(chosen, dtype=other.dtype)
    return Cut(other.name, mine.name, typed, by)
