"""The piece of the candidate between two cuts, and what speaks about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.forcing import Apart, apart
from harness.graphs.units import root
from harness.graphs.walk import EXACT, LAYOUT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from harness.core.protocols import Array
    from harness.diagnose.cuts import Cut
    from harness.diagnose.stream import Side
    from harness.graphs.model import Graph, Node
    from harness.graphs.slices import Slicer


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Nodes of both graphs between aligned tensors.

    Attributes:
        candidate: The candidate's nodes, in topological order.
        reference: The reference's nodes that do the same.
        inputs: Cuts that it starts from.
        output: The cut that it ends in.
        injected: How far its own value is when it is fed from the reference.
        extra: Cuts that the reference's nodes alone start from.
    """

    candidate: tuple[Node, ...]
    reference: tuple[Node, ...]
    inputs: tuple[Cut, ...]
    output: Cut
    injected: Apart
    extra: tuple[Cut, ...] = ()

    @property
    def node(self) -> Node:
        """The node of the candidate that the segment ends in."""
        return self.candidate[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Values at a segment's ends, on the samples that are looked at.

    Attributes:
        feeds: The candidate's names -> the reference's values in its layout.
        expected: What the reference makes of them, in the candidate's layout.
        got: What the candidate makes of them.
        reference_feeds: The reference's names -> its values at the segment's start.
    """

    feeds: Mapping[str, Array]
    expected: Array
    got: Array
    reference_feeds: Mapping[str, Array]


def segment_at(
    reference: Slicer,
    candidate: Slicer,
    cuts: Mapping[str, Cut],
    name: str,
    injected: Apart,
) -> Segment:
    """The segment that ends in a cut."""
    stops = {k for k in cuts if k != name and not _passes(candidate.graph, k, cuts)}
    theirs = closure(candidate, name, stops)
    read = {k for node in theirs for k in candidate.moving(node)}
    inputs = tuple(cuts[k] for k in sorted(read & stops))
    output = cuts[name].reference
    ends = {cut.reference for cut in inputs}
    if output in ends:
        # The reference does nothing where the candidate does something.
        return Segment(theirs, (), inputs, cuts[name], injected)
    ours = closure(reference, output, ends)
    extra: tuple[Cut, ...] = ()
    if len(ours) > 4 * len(theirs) + 8:
        others = {c.reference: c for c in cuts.values() if c.reference != output}
        ours = closure(reference, output, others)
        started = {k for node in ours for k in reference.moving(node)} - ends
        extra = tuple(others[k] for k in sorted(started & others.keys()))
    return Segment(theirs, ours, inputs, cuts[name], injected, extra)


def _passes(graph: Graph, name: str, cuts: Mapping[str, Cut]) -> bool:
    """Whether a cut only rearranges another one: the way there belongs to a segment.

    A reshape in place of a transposition keeps all values, and is a fault.
    """
    node = graph.producer(name)
    if node is None or node.op_type not in LAYOUT | EXACT:
        return False
    return root(graph, name) in cuts


def closure(slicer: Slicer, name: str, stops: Collection[str]) -> tuple[Node, ...]:
    """Nodes that a value needs, back to `stops`, in topological order."""
    found: dict[str, Node] = {}
    stack = [name]
    while stack:
        node = slicer.graph.producer(stack.pop())
        if node is None or node.key in found:
            continue
        found[node.key] = node
        stack += [k for k in slicer.moving(node) if k not in stops]
    return tuple(sorted(found.values(), key=lambda node: node.order))


def collect(
    reference: Side, wanted: Collection[str], most_bytes: int
) -> dict[str, Array]:
    """The reference's values of these names, as many as fit, the first ones first."""
    held = {k: a for k, a in reference.feeds.items() if k in wanted}
    left = set(wanted) - set(held)
    size = 0
    if not left:
        return held
    for name, array in reference.values():
        if name in left and size + array.nbytes <= most_bytes:
            held[name] = array
            size += array.nbytes
        left.discard(name)
        if not left:
            break
    return held


def needed_values(segment: Segment) -> set[str]:
    """The reference's values that a segment's evidence is made of."""
    starts = (cut.reference for cut in (*segment.inputs, *segment.extra))
    return {segment.output.reference, *starts}


def evidence_of(
    candidate: Side, segment: Segment, values: Mapping[str, Array]
) -> Evidence | None:
    """Run one segment on the reference's values; None where they are not all there."""
    if not needed_values(segment) <= values.keys():
        return None
    feeds = {c.candidate: c.layout.apply(values[c.reference]) for c in segment.inputs}
    fed = candidate.feeds
    read = {k for node in segment.candidate for k in candidate.slicer.moving(node)}
    feeds |= {k: fed[k] for k in read & fed.keys() if k not in feeds}
    name = segment.output.candidate
    got = run_nodes(candidate, segment.candidate, feeds, [name])[name]
    expected = segment.output.layout.apply(values[segment.output.reference])
    starts = (*segment.inputs, *segment.extra)
    sources = {c.reference: values[c.reference] for c in starts}
    return Evidence(feeds, expected, got, sources)


def run_nodes(
    side: Side,
    nodes: Sequence[Node],
    feeds: Mapping[str, Array],
    fetches: Iterable[str],
) -> dict[str, Array]:
    """What these nodes alone compute."""
    names = list(fetches)
    piece = side.slicer.piece(nodes, feeds, names)
    fed = {item.name for item in piece.model.graph.input}
    given = {k: a for k, a in {**feeds, **piece.constants}.items() if k in fed}
    return side.run(piece.serialized(), given, names)


# Rounding of a value, relative to itself.
_UNIT = {"float64": 1e-15, "float32": 1.2e-7, "float16": 1e-3, "bfloat16": 8e-3}
# Beyond what rounding its inputs does, a segment's own sums round.
_FACTOR = 8.0
_LEAST = 4.0
_STEP = 1 / 127


def floor_of(
    reference: Side, candidate: Side, segment: Segment, evidence: Evidence
) -> Apart:
    """Error that rounding alone explains in a segment.

    The inputs of the reference's piece are moved by as much as rounding moves them, at
    random; what comes of that says how much rounding is magnified there. Where the
    candidate quantizes, they move by half a step of an 8-bit code over their range.
    """
    unit = max(_UNIT[prevailing(side.graph)] for side in (reference, candidate))
    quantized = is_quantized(candidate.graph, segment.candidate)
    factor = 3.0 if quantized else _FACTOR
    least = (_STEP if quantized else unit) * _LEAST
    if not segment.reference:
        return Apart(least, least)
    feeds = {**reference.feeds, **evidence.reference_feeds}
    rng = np.random.default_rng(0)
    moved = {k: _moved(a, unit, rng, quantized=quantized) for k, a in feeds.items()}
    name = segment.output.reference
    still, other = (
        run_nodes(reference, segment.reference, given, [name])[name]
        for given in (feeds, moved)
    )
    measured = apart(still, other).times(factor)
    return Apart(max(measured.relative, least), max(measured.peak, least))


def is_quantized(graph: Graph, nodes: Iterable[Node]) -> bool:
    """Whether these nodes make codes, compute with codes, or read rounded weights."""
    nodes = tuple(nodes)
    read = (graph.values.get(k) for node in nodes for k in node.inputs)
    return any(v is not None and v.half_step is not None for v in read) or any(
        "Quantize" in n.op_type
        or n.op_type.startswith("QLinear")
        or n.op_type in {"ConvInteger", "MatMulInteger", "QGemm"}
        for n in nodes
    )


def prevailing(graph: Graph) -> str:
    """The type of most of a model's float constants; what its numbers are rounded to.

    A few nodes that round more than that are no rounding to be expected. What is stored
    in 16 bits and widened before it is used is rounded all the same.
    """
    sizes: Counter[str] = Counter({"float32": 0})
    for value in graph.values.values():
        if value.constant is not None and value.dtype in _UNIT:
            sizes[value.dtype] += value.constant.size
    # Each of those is there again, widened.
    sizes["float32"] -= sizes["float16"] + sizes["bfloat16"]
    kind = sizes.most_common(1)[0][0]
    return "float32" if kind == "float64" else kind


def _moved(
    array: Array, unit: float, rng: np.random.Generator, *, quantized: bool
) -> Array:
    if array.dtype.kind != "f":
        return array
    noise = rng.uniform(-1.0, 1.0, array.shape)
    if quantized:
        step = float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) * _STEP
        return (array + noise * step / 2).astype(array.dtype)
    return (array * (1 + unit * noise)).astype(array.dtype)
