"""Which value of the candidate is which of the reference, without their names.

Values speak first, see `cuts`. Where they differ, a fault lies in between, and what
does not depend on values leads past it: weights, then operators whose inputs or whose
readers are aligned, then the order of units between those.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from harness.diagnose.cuts import (
    SINGLE,
    Cut,
    ValueIndex,
    convention,
    match_values,
    placed,
)
from harness.diagnose.kernels import match_kernels
from harness.diagnose.layouts import distance_of
from harness.graphs.units import Unit, read_units, root

# With such a tolerance values of neighbours are confused.
_BLURRED = 0.1

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.diagnose.traces import Trace
    from harness.graphs.model import Graph


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """One graph, in units, with what its values were."""

    graph: Graph
    traces: Mapping[str, Trace]
    units: tuple[Unit, ...]
    _by_output: Mapping[str, Unit] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_output", {u.output: u for u in self.units})

    def root(self, name: str) -> str:
        """Where a value comes from, layout changes seen through."""
        return root(self.graph, name)

    def unit(self, output: str) -> Unit | None:
        """The unit that computes a value."""
        return self._by_output.get(output)

    def readers(self) -> dict[str, list[Unit]]:
        """Value -> units that read it."""
        found: dict[str, list[Unit]] = {}
        for unit in self.units:
            for name in unit.inputs:
                found.setdefault(name, []).append(unit)
        return found


class Aligner:
    """Aligns two graphs, step by step, as values become known.

    Args:
        reference: Its graph.
        candidate: Its graph.
        ours: The reference's values.
        theirs: The candidate's values in its own run.
        ends: Cuts at inputs and outputs.
        close: What counts as the same value, over its size.
    """

    def __init__(
        self,
        reference: Graph,
        candidate: Graph,
        ours: Mapping[str, Trace],
        theirs: Mapping[str, Trace],
        ends: Iterable[Cut],
        close: float,
    ) -> None:
        self.mine = Half(reference, ours, read_units(reference))
        self.other = Half(candidate, theirs, read_units(candidate))
        self.cuts = {cut.candidate: cut for cut in ends}
        self._index = ValueIndex(reference, ours)
        self._close = close
        self._partner: dict[str, str] = {}
        self._readers = self.mine.readers()
        self._refused: set[str] = set()

    def by_value(self, traces: Mapping[str, Trace]) -> int:
        """Cut wherever values agree; the number of new cuts."""
        known = {k for k, c in self.cuts.items() if c.by != "place"} | self._refused
        graph = self.other.graph
        found = match_values(self._index, graph, traces, known, self._close)
        found = {k: cut for k, cut in found.items() if self._fits(cut)}
        fresh = sum(self.cuts.get(name) != cut for name, cut in found.items())
        self.cuts |= found
        self._learn()
        return fresh

    def _fits(self, cut: Cut) -> bool:
        """Whether types agree, and structure knows no partner that is as near."""
        if not self._same_type(cut.reference, cut.candidate):
            return False
        place = self.cuts.get(cut.candidate)
        if place is None or place.reference == cut.reference or self._close < _BLURRED:
            return True
        mine, other = self.mine.traces[place.reference], self.other.traces
        return distance_of(mine, other[cut.candidate], place.layout) > self._close

    def _same_type(self, reference: str, candidate: str) -> bool:
        """A cut must not round; where one model computes in halves, it may."""
        mine, other = self.mine.traces[reference], self.other.traces[candidate]
        return mine.dtype == other.dtype or self._close > SINGLE.close

    def by_structure(self) -> int:
        """Cut past faults; the number of new cuts."""
        before = len(self.cuts)
        self._learn()
        self._grow()
        self._by_weights()
        self._grow()
        self._fill()
        self._grow()
        self._place_cuts()
        return len(self.cuts) - before

    def refuse(self, names: Iterable[str]) -> None:
        """Never cut there again."""
        for name in names:
            self._refused.add(name)
            del self.cuts[name]

    def unmatched(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Outputs of units that found no partner: the reference's, the candidate's."""
        taken = set(self._partner.values())
        mine = tuple(u.output for u in self.mine.units if u.output not in taken)
        other = (u.output for u in self.other.units if u.output not in self._partner)
        return mine, tuple(other)

    def _learn(self) -> None:
        """Which roots the cuts pair."""
        order = {"input": 0, "output": 0, "value": 1, "weights": 2, "place": 3}
        for cut in sorted(self.cuts.values(), key=lambda c: order[c.by]):
            theirs, ours = self.other.root(cut.candidate), self.mine.root(cut.reference)
            if cut.by != "value" or theirs not in self._partner:
                self._partner[theirs] = ours

    def _grow(self) -> None:
        known = -1
        while len(self._partner) > known:
            known = len(self._partner)
            self._forward()
            self._backward()

    def _forward(self) -> None:
        """Units that read the same things and do the same kind of thing."""
        taken = set(self._partner.values())
        for unit in self.other.units:
            if unit.output in self._partner or not unit.inputs:
                continue
            if not all(name in self._partner for name in unit.inputs):
                continue
            place = {self._partner[name] for name in unit.inputs}
            twin = self._twin(unit, place, taken)
            if twin is not None:
                self._pair(unit, twin)
                taken.add(twin.output)

    def _twin(self, unit: Unit, place: set[str], taken: set[str]) -> Unit | None:
        options = [
            other
            for other in self._readers.get(next(iter(sorted(place))), ())
            if set(other.inputs) == place and other.output not in taken
            if other.family == unit.family and self._same_size(unit, other)
        ]
        return min(options, key=lambda o: o.spelling != unit.spelling, default=None)

    def _backward(self) -> None:
        """What aligned units read, where there is one choice."""
        taken = set(self._partner.values())
        for unit in reversed(self.other.units):
            twin = self.mine.unit(self._partner.get(unit.output, ""))
            if twin is None or twin.family != unit.family:
                continue
            free = [k for k in unit.inputs if k not in self._partner]
            options = [k for k in twin.inputs if k not in taken]
            clear = len(free) == len(options) == 1
            clear = clear and len(unit.inputs) == len(twin.inputs)
            if clear and self._sizes_agree(free[0], options[0]):
                self._partner[free[0]] = options[0]
                taken.add(options[0])

    def _by_weights(self) -> None:
        taken = set(self._partner.values())
        ours = [u for u in self.mine.units if u.output not in taken]
        theirs = [u for u in self.other.units if u.output not in self._partner]
        pairs = match_kernels(self.mine.graph, self.other.graph, ours, theirs)
        for mine, other in pairs:
            if self._same_size(other, mine):
                self._pair(other, mine)

    def _pair(self, candidate: Unit, reference: Unit) -> None:
        """Two units are one, with all that their last nodes answer."""
        self._partner[candidate.output] = reference.output
        ours, theirs = reference.nodes[-1].outputs, candidate.nodes[-1].outputs
        if len(ours) == len(theirs):
            for mine, other in zip(ours, theirs, strict=True):
                if mine and other:
                    self._partner.setdefault(other, mine)

    def _fill(self) -> None:
        """What is left, by kind and order between what is aligned."""
        taken = set(self._partner.values())
        ours = [u.output if u.output in taken else _word(u) for u in self.mine.units]
        theirs = [self._partner.get(u.output) or _word(u) for u in self.other.units]
        blocks = SequenceMatcher(None, ours, theirs, autojunk=False)
        for block in blocks.get_matching_blocks():
            for offset in range(block.size):
                mine = self.mine.units[block.a + offset]
                other = self.other.units[block.b + offset]
                if self._same_size(other, mine) and other.output not in self._partner:
                    self._pair(other, mine)

    def _same_size(self, candidate: Unit, reference: Unit) -> bool:
        return self._sizes_agree(candidate.output, reference.output)

    def _sizes_agree(self, candidate: str, reference: str) -> bool:
        other = self.other.traces.get(candidate)
        mine = self.mine.traces.get(reference)
        return mine is not None and other is not None and mine.size == other.size

    def _place_cuts(self) -> None:
        habits = convention(self.cuts.values())
        # Where values already cut the chain behind a root, no place is needed.
        rooted = {self.other.root(k) for k in self.cuts}
        for name, partner in self._partner.items():
            mine, other = self.mine.traces.get(partner), self.other.traces.get(name)
            if name in rooted or name in self._refused or not (mine and other):
                continue
            cut = placed(mine, other, habits, "place")
            if cut is not None and self._same_type(partner, name):
                self.cuts[name] = cut


def _word(unit: Unit) -> tuple[str]:
    return (unit.family,)
