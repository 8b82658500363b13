"""Runs a graph piece by piece, so that only a few of its values are in memory.

Consecutive nodes make a piece as long as what they compute stays below a share of the
budget. A piece's values are handed out once; only what later pieces read is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.graphs.slices import OWN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from harness.core.protocols import Array, Arrays, RunGraph
    from harness.graphs.model import Graph, Node
    from harness.graphs.slices import Slicer

# Bytes assumed of a value whose shape is not known.
_UNKNOWN = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two models, ready to be run in pieces.

    Attributes:
        slicer: Cuts its pieces.
        feeds: What it is fed: the samples that are looked at.
        run: Runs a piece.
        piece_bytes: Values computed by a piece stay below this, where a node's do.
    """

    slicer: Slicer
    feeds: Arrays
    run: RunGraph
    piece_bytes: int
    _pieces: list[tuple[Node, ...]] = field(default_factory=list)

    @property
    def graph(self) -> Graph:
        """What was read of the model."""
        return self.slicer.graph

    def values(
        self,
        forced: Collection[str] = (),
        supply: Callable[[str], Array] | None = None,
        last: str | None = None,
    ) -> Iterator[tuple[str, Array]]:
        """Every value that the graph computes, in topological order.

        Args:
            forced: Values that their readers take from `supply` instead.
            supply: Gives those; asked once a piece that reads them.
            last: Stop behind the piece that computes this.

        Yields:
            Name and array; of a forced value what the graph itself computes.

        Raises:
            BackendError: A piece does not run.
        """
        live: dict[str, Array] = dict(self.feeds)
        pieces = self._cut()
        needed = self._last_use(pieces)
        for i, nodes in enumerate(pieces):
            made = [name for node in nodes for name in node.outputs if name]
            feeds = {
                k: supply(k) if supply and k in forced else live[k]
                for k in self._read(nodes, forced)
                if k in live or k in forced
            }
            answers = self._answer(nodes, feeds, made, forced)
            live |= {k: answers[k] for k in made if k in answers and k not in forced}
            # A value that nobody reads again may be freed while the reader works.
            for name in [k for k in live if needed.get(k, -1) <= i]:
                del live[name]
            for name in made:
                if name in answers:
                    yield name, answers.pop(name)
            if last in made:
                return

    def read_by_piece(self, forced: Collection[str]) -> Iterator[list[str]]:
        """What each piece reads from outside of it."""
        return (self._read(nodes, forced) for nodes in self._cut())

    def _read(self, nodes: tuple[Node, ...], forced: Collection[str]) -> list[str]:
        made = {name for node in nodes for name in node.outputs if name not in forced}
        return sorted({k for n in nodes for k in self.slicer.moving(n)} - made)

    def _answer(
        self,
        nodes: tuple[Node, ...],
        feeds: Mapping[str, Array],
        made: list[str],
        forced: Collection[str],
    ) -> dict[str, Array]:
        known = {k: k + OWN if k in forced else k for k in made if self._tensor(k)}
        piece = self.slicer.piece(nodes, feeds, list(known.values()), forced=forced)
        fed = {item.name for item in piece.model.graph.input}
        wanted = {k: a for k, a in {**feeds, **piece.constants}.items() if k in fed}
        found = self.run(piece.serialized(), wanted, list(known.values()))
        # Sequences and maps are no tensors: nothing is aligned by them.
        answers: dict[str, Any] = {k: found[own] for k, own in known.items()}
        return {k: a for k, a in answers.items() if isinstance(a, np.ndarray)}

    def _tensor(self, name: str) -> bool:
        value = self.graph.values.get(name)
        return value is None or value.dtype != "object"

    def _cut(self) -> list[tuple[Node, ...]]:
        if not self._pieces:
            self._pieces.extend(_pieces(self.graph, self.piece_bytes))
        return self._pieces

    def _last_use(self, pieces: list[tuple[Node, ...]]) -> dict[str, int]:
        return {
            name: i
            for i, nodes in enumerate(pieces)
            for node in nodes
            for name in self.slicer.reads(node)
        }


def bytes_of(graph: Graph, name: str) -> int:
    """Size of a value at the batch that the graph was read with."""
    value = graph.values.get(name)
    shape = graph.static_shape(name)
    if value is None or shape is None:
        return _UNKNOWN
    width = np.dtype(value.dtype).itemsize if value.dtype else 4
    return int(np.prod(shape, dtype=np.int64)) * width


def _pieces(graph: Graph, most: int) -> Iterator[tuple[Node, ...]]:
    piece: list[Node] = []
    size = 0
    for node in graph.nodes:
        own = sum(bytes_of(graph, name) for name in node.outputs if name)
        if piece and size + own > most:
            yield tuple(piece)
            piece, size = [], 0
        piece.append(node)
        size += own
    if piece:
        yield tuple(piece)
