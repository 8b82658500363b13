"""A segment's units side by side: what both do, and what one side does alone."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from harness.graphs.functions import GRID, evaluated, recognise
from harness.graphs.model import Graph
from harness.graphs.units import moving, read_units, root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.protocols import FloatArray
    from harness.diagnose.case import Case
    from harness.graphs.functions import Function
    from harness.graphs.model import Node
    from harness.graphs.units import Unit


@dataclass(frozen=True, eq=False)
class Step:
    """One unit of a segment.

    Attributes:
        graph: The segment alone, as a graph.
        unit: The unit.
        function: What it makes of one number; None where that has no name.
        curve: That function on `functions.GRID`; None where it is no such function.
    """

    graph: Graph
    unit: Unit
    function: Function | None = None
    curve: FloatArray | None = None

    @property
    def token(self) -> str:
        """What it may be paired with."""
        if self.function is not None and self.function.family == "linear":
            return "factor"
        if self.curve is not None:
            return "function"
        return "affine" if self.adds else self.unit.family

    @property
    def adds(self) -> bool:
        """Whether it is an addition or a factor of constants, not of two values."""
        first = self.unit.nodes[0]
        moved = list(moving(self.graph, first))
        return first.op_type in _ARITHMETIC and len(moved) == 1

    @property
    def source(self) -> str:
        """The first value that it reads, as its nodes name it."""
        made = {node.key for node in self.unit.nodes}
        read = (k for n in self.unit.nodes for k in moving(self.graph, n))
        return next((k for k in read if k not in made), "")


@dataclass(frozen=True, eq=False)
class Steps:
    """Both sides of a segment.

    Attributes:
        pairs: (reference, candidate) that do the same thing.
        missing: The reference's steps that the candidate lacks.
        extra: The candidate's steps that the reference lacks.
        values: The reference's values -> the candidate's.
    """

    pairs: tuple[tuple[Step, Step], ...]
    missing: tuple[Step, ...]
    extra: tuple[Step, ...]
    values: dict[str, str]


_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div"})
_CURVED = _ARITHMETIC | {"function", "Pow", "Max", "Min", "affine"}
# Several probes ask for the same; a case is gone once it is explained.
_KNOWN: WeakKeyDictionary[Case, Steps] = WeakKeyDictionary()


def steps_of(case: Case) -> Steps:
    """The segment's steps, paired in the order of both sides."""
    if case not in _KNOWN:
        _KNOWN[case] = _read(case)
    return _KNOWN[case]


def _read(case: Case) -> Steps:
    segment = case.segment
    if segment is None or case.reference is None or case.candidate is None:
        return Steps((), (), (), {})
    mine = _steps(case.reference, segment.reference, segment.output.reference)
    other = _steps(case.candidate, segment.candidate, segment.output.candidate)
    blocks = SequenceMatcher(
        None, [s.token for s in mine], [s.token for s in other], autojunk=False
    ).get_matching_blocks()
    places = [(b.a + i, b.b + i) for b in blocks for i in range(b.size)]
    first, second = {i for i, _ in places}, {j for _, j in places}
    pairs = tuple((mine[i], other[j]) for i, j in places)
    return Steps(
        pairs,
        tuple(s for i, s in enumerate(mine) if i not in first),
        tuple(s for j, s in enumerate(other) if j not in second),
        _values(case, mine, other, pairs),
    )


def _steps(graph: Graph, nodes: Sequence[Node], output: str) -> list[Step]:
    inner = Graph(tuple(nodes), graph.values, (), (output,), graph.opset)
    return [_step(inner, unit) for unit in read_units(inner)]


def _step(graph: Graph, unit: Unit) -> Step:
    step = Step(graph, unit)
    made = {node.key for node in unit.nodes}
    read = {k for n in unit.nodes for k in moving(graph, n)} - made
    if len(read) != 1 or unit.kind not in _CURVED:
        return step
    curve = evaluated(graph, unit.nodes, step.source, unit.output)
    if curve is None:
        return step
    return Step(graph, unit, recognise(GRID, curve), curve)


def _values(
    case: Case,
    mine: Sequence[Step],
    other: Sequence[Step],
    pairs: Sequence[tuple[Step, Step]],
) -> dict[str, str]:
    """What stands for what: outputs of pairs, ends of the segment, both ways of it."""
    segment = case.segment
    assert segment is not None
    found = {a.key: b.key for a, b in case.pairs}
    found |= {a.unit.output: b.unit.output for a, b in pairs}
    found |= {cut.reference: cut.candidate for cut in segment.inputs}
    if mine and other:
        graphs = mine[0].graph, other[0].graph
        for a, b in list(found.items()):
            found.setdefault(root(graphs[0], a), root(graphs[1], b))
    return found


def readers(step: Step, value: str) -> Iterator[Node]:
    """The segment's nodes that read a value."""
    return iter(step.graph.consumers(value))


def reader_keys(case: Case, step: Step, value: str) -> set[str]:
    """The candidate's nodes that should read what a missing step makes of a value.

    Where nothing else of the reference reads the value, that is all of them, also
    beyond the segment: it is one mistake.
    """
    assert case.reference is not None
    assert case.candidate is not None
    inside = {n.key for n in case.nodes_of("candidate") if value in n.inputs}
    if inside and case.reference.only_consumer(step.source) is not None:
        return {n.key for n in case.candidate.consumers(value)}
    return inside
