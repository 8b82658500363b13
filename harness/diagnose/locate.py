"""Finds the segments that inject error, by aligning and forcing in turns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.findings import ErrorProfile, ErrorStep, StepMap
from harness.diagnose.align import Aligner
from harness.diagnose.cuts import HALF, QUANTIZED, SINGLE, Tolerance
from harness.diagnose.error_map import error_map
from harness.diagnose.forcing import Apart, Forced, apart, force, traces_of
from harness.diagnose.layouts import distance_of
from harness.diagnose.segments import (
    Evidence,
    Segment,
    collect,
    evidence_of,
    floor_of,
    is_quantized,
    needed_values,
    prevailing,
    segment_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.core.protocols import Array
    from harness.diagnose.cuts import Cut
    from harness.diagnose.stream import Side
    from harness.diagnose.traces import Trace
    from harness.graphs.model import Graph

_ROUNDS = 4
# Below this an error is float32 rounding in any operator; above, the floor is measured.
_AT_FIRST_SIGHT = Apart(1e-6, 5e-6)
_MOST_LOOKED_AT = 256
_MAPS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Guilty:
    """A segment that injects more error than rounding explains.

    Attributes:
        segment: Where.
        evidence: Its values; None where they did not fit into the budget.
        floor: What rounding explains.
    """

    segment: Segment
    evidence: Evidence | None
    floor: Apart


@dataclass(frozen=True, slots=True, eq=False)
class Location:
    """Where two models part.

    Attributes:
        guilty: In the candidate's order.
        profile: Errors at all cuts.
        unmatched: (reference, candidate) nodes without a partner, by their labels.
    """

    guilty: tuple[Guilty, ...]
    profile: ErrorProfile
    unmatched: tuple[tuple[str, ...], tuple[str, ...]]


def locate(
    variant: str,
    reference: Side,
    candidate: Side,
    ends: Iterable[Cut],
    budget: int,
    n_samples: int,
) -> Location:
    """Find the segments that inject error.

    Args:
        variant: The candidate's name.
        reference: Runs the reference.
        candidate: Runs the candidate.
        ends: Cuts at inputs and outputs.
        budget: Bytes for evidence.
        n_samples: For the record.

    Raises:
        BackendError: A piece of a model does not run.
    """
    ours, theirs = traces_of(reference), traces_of(candidate)
    graphs = reference.graph, candidate.graph
    tolerance = _tolerance(*graphs)
    aligner = Aligner(*graphs, ours, theirs, ends, tolerance.close)
    forced = _settled(aligner, reference, candidate, tolerance)
    forced = _without_wrong(aligner, forced, reference, candidate, tolerance)
    found = _guilty(aligner, forced, reference, candidate, budget)
    return Location(
        tuple(g for g in found if g.segment.injected.beyond(g.floor)),
        _profile(variant, aligner, forced, theirs, found, n_samples),
        _named(aligner),
    )


def _tolerance(*graphs: Graph) -> Tolerance:
    if any(is_quantized(graph, graph.nodes) for graph in graphs):
        return QUANTIZED
    half = any(prevailing(graph) in {"float16", "bfloat16"} for graph in graphs)
    return HALF if half else SINGLE


def _settled(
    aligner: Aligner, reference: Side, candidate: Side, tolerance: Tolerance
) -> Forced:
    """Align by values and structure, force, and align what became alike."""
    close = tolerance.close
    if tolerance is QUANTIZED:
        # Where values are blurred, before and behind a bias are hard to tell.
        aligner.by_structure()
    aligner.by_value(aligner.other.traces)
    aligner.by_structure()
    forced = force(reference, candidate, aligner.cuts, traced=close)
    for _ in range(_ROUNDS):
        if not aligner.by_value(forced.traces):
            break
        aligner.by_structure()
        forced = force(reference, candidate, aligner.cuts, traced=close)
    return forced


def _without_wrong(
    aligner: Aligner,
    forced: Forced,
    reference: Side,
    candidate: Side,
    tolerance: Tolerance,
) -> Forced:
    """Drop cuts that were wrong.

    Where values differ at a cut and at all that read it, it may be no pair at all. If
    what follows is right without it, it was none.
    """
    doubtful = set(_doubtful(aligner, forced, candidate, tolerance.far))
    if not doubtful:
        return forced
    close, far = tolerance.close, tolerance.far
    kept = {k: c for k, c in aligner.cuts.items() if k not in doubtful}
    without = force(reference, candidate, kept, traced=close)
    right = {
        name
        for name, error in without.injected.items()
        if error.relative <= far < forced.injected[name].relative
    }
    wrong = [k for k in doubtful if _feeds(candidate, aligner.cuts, k) & right]
    if not wrong:
        return forced
    aligner.refuse(wrong)
    if len(wrong) < len(doubtful):
        return force(reference, candidate, aligner.cuts, traced=close)
    return without


def _doubtful(
    aligner: Aligner, forced: Forced, candidate: Side, far: float
) -> Iterator[str]:
    for name, cut in aligner.cuts.items():
        if cut.by in {"input", "output"} or forced.injected[name].relative <= far:
            continue
        after = _feeds(candidate, aligner.cuts, name)
        if after and all(forced.injected[k].relative > far for k in after):
            yield name


def _feeds(candidate: Side, cuts: Mapping[str, Cut], name: str) -> set[str]:
    """The cuts whose segments start from this one."""
    found: set[str] = set()
    seen = {name}
    stack = [name]
    while stack:
        for node in candidate.graph.consumers(stack.pop()):
            for output in node.outputs:
                if output in cuts:
                    found.add(output)
                elif output not in seen:
                    seen.add(output)
                    stack.append(output)
    return found


def _guilty(
    aligner: Aligner,
    forced: Forced,
    reference: Side,
    candidate: Side,
    budget: int,
) -> list[Guilty]:
    """Segments beyond the first floor, each with the floor of its own."""
    far = {
        name: error
        for name, error in forced.injected.items()
        if error.beyond(_AT_FIRST_SIGHT) and candidate.graph.producer(name)
    }
    inner = _inner(aligner, far)
    cuts = {k: c for k, c in aligner.cuts.items() if k not in inner}
    slicers = reference.slicer, candidate.slicer
    segments = [segment_at(*slicers, cuts, k, e) for k, e in far.items() if k in cuts]
    segments = segments[:_MOST_LOOKED_AT]
    wanted = {name for segment in segments for name in needed_values(segment)}
    values = collect(reference, wanted, budget)
    return [_looked_at(reference, candidate, s, values) for s in segments]


def _inner(aligner: Aligner, far: Mapping[str, Apart]) -> set[str]:
    """Cuts inside of units that are wrong in several places: one fault, spread.

    A gain and an offset that follow from one epsilon are told only together.
    """
    found: set[str] = set()
    for unit in aligner.other.units:
        keys = [n.key for n in unit.nodes if n.key in aligner.cuts]
        if sum(k in far for k in keys) > 1 and unit.output in aligner.cuts:
            found.update(k for k in keys if k != unit.output)
    return found


def _looked_at(
    reference: Side, candidate: Side, segment: Segment, values: Mapping[str, Array]
) -> Guilty:
    evidence = evidence_of(candidate, segment, values)
    if evidence is None:
        return Guilty(segment, None, _AT_FIRST_SIGHT)
    error = apart(evidence.expected, evidence.got)
    floor = floor_of(reference, candidate, segment, evidence)
    return Guilty(replace(segment, injected=error), evidence, floor)


def _profile(
    variant: str,
    aligner: Aligner,
    forced: Forced,
    theirs: Mapping[str, Trace],
    found: Sequence[Guilty],
    n_samples: int,
) -> ErrorProfile:
    floors = {g.segment.output.candidate: g.floor for g in found}
    maps = _maps(aligner.other.graph, found)
    steps = []
    for name, error in forced.injected.items():
        node = aligner.other.graph.producer(name)
        if node is None:
            continue
        cut = aligner.cuts[name]
        ours = aligner.mine.graph.producer(cut.reference)
        floor = floors.get(name, _AT_FIRST_SIGHT)
        steps.append(
            ErrorStep(
                candidate_node=node.label,
                reference_node=ours.label if ours else cut.reference,
                op_type=node.op_type,
                injected=min(error.relative, 1e30),
                inherited=_inherited(aligner, cut, theirs),
                floor=floor.relative,
                guilty=name in floors and error.beyond(floor),
                map=maps.get(name),
            )
        )
    return ErrorProfile(variant, tuple(steps), n_samples)


def _maps(graph: Graph, found: Sequence[Guilty]) -> dict[str, StepMap]:
    """By the cut's name: where the first guilty segments are wrong."""
    made: dict[str, StepMap] = {}
    for guilty in found:
        segment, seen = guilty.segment, guilty.evidence
        if seen is None or not segment.injected.beyond(guilty.floor):
            continue
        name = segment.output.candidate
        place = error_map(graph, name, seen.expected, seen.got)
        if place is not None and len(made) < _MAPS:
            made[name] = place
    return made


def _inherited(aligner: Aligner, cut: Cut, theirs: Mapping[str, Trace]) -> float | None:
    mine, other = aligner.mine.traces.get(cut.reference), theirs.get(cut.candidate)
    if mine is None or other is None:
        return None
    away = distance_of(mine, other, cut.layout)
    return away if away < 1e30 else None


def _named(aligner: Aligner) -> tuple[tuple[str, ...], tuple[str, ...]]:
    mine, other = aligner.unmatched()
    first = (aligner.mine.graph.producer(k) for k in mine)
    second = (aligner.other.graph.producer(k) for k in other)
    return (
        tuple(n.label for n in first if n is not None),
        tuple(n.label for n in second if n is not None),
    )
