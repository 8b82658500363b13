"""The reference's piece in the candidate's place: proves where, if nothing says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, Edit, Suspect
from harness.diagnose.segments import is_quantized
from harness.graphs.layers import SLOTS
from harness.graphs.settings import settings_of, small_constants
from harness.graphs.units import SEEN_THROUGH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.diagnose.case import Case
    from harness.diagnose.cuts import Cut
    from harness.diagnose.edits import Change
    from harness.diagnose.segments import Segment
    from harness.graphs.model import Node
    from harness.graphs.slices import Slicer

CAUSE = Cause(
    code="SEG001",
    slug="segment.differs",
    line="a piece of the graph computes something else; no known cause explains it",
    hint="hold the two pieces side by side, and look at how each exporter writes them",
    rank=99,
)
_MARK = "transplanted"


def transplant(case: Case) -> Suspect | None:
    """A suspect that says where alone; None where the piece cannot be replaced."""
    segment = case.segment
    if segment is None or case.sides is None or _rounds_by_design(case):
        return None
    node = odd_node(case)
    ours = "', '".join(n.label for n in _telling(segment.reference)) or "nothing"
    theirs = "', '".join(n.label for n in _telling(segment.candidate))
    size = case.error.relative if case.error else np.inf
    said = say(
        f"{node.op_type} '{node.label}' answers {_percent(size)} away from the "
        "reference when it is fed the reference's values; no known cause explains it",
        f"computes it by '{ours}'",
        f"computes it by '{theirs}'",
    )
    partner = segment.reference[-1] if segment.reference else None
    change = _change(case, segment)
    text = f"put the reference's piece in place of '{theirs}'"
    edit = None if change is None else Edit(text, change)
    return Suspect(CAUSE, node, partner, segment.output.candidate, said, edit)


def _rounds_by_design(case: Case) -> bool:
    """Whether the candidate alone is quantized: its pieces differ, as they should."""
    mine, other = case.reference, case.candidate
    assert mine is not None
    assert other is not None
    return is_quantized(other, other.nodes) and not is_quantized(mine, mine.nodes)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if np.isfinite(share) else "infinitely far"


def _telling(nodes: tuple[Node, ...]) -> list[Node]:
    return [n for n in nodes if n.op_type not in SEEN_THROUGH][:4] or list(nodes[:4])


def odd_node(case: Case) -> Node:
    """The node that a segment's error most likely comes from."""
    segment = case.segment
    assert segment is not None
    paired = {theirs.key: ours for ours, theirs in case.pairs}
    alone = [n for n in _telling(segment.candidate) if n.key not in paired]
    other = [b for a, b in case.pairs if _set_otherwise(case, a, b)]
    weighted = [n for n in segment.candidate if n.op_type in SLOTS]
    ranked = (*alone, *other, *_beside_missing(case), *weighted)
    return next(iter((*ranked, *_telling(segment.candidate))))


def _set_otherwise(case: Case, mine: Node, other: Node) -> bool:
    assert case.reference is not None
    assert case.candidate is not None
    if settings_of(case.reference, mine) != settings_of(case.candidate, other):
        return True
    ours = small_constants(case.reference, mine)
    theirs = small_constants(case.candidate, other)
    return any(
        not np.array_equal(ours[index], theirs[index])
        for index in ours.keys() & theirs.keys()
    )


def _beside_missing(case: Case) -> Iterator[Node]:
    """Candidate's nodes next to what only the reference has: readers, then makers."""
    assert case.reference is not None
    partner = {ours.key: theirs for ours, theirs in case.pairs}
    for node in case.nodes_of("reference"):
        if node.key in partner or node.op_type in SEEN_THROUGH:
            continue
        readers = case.reference.consumers(node.key)
        makers = filter(None, (case.reference.producer(k) for k in node.inputs))
        yield from (partner[n.key] for n in (*readers, *makers) if n.key in partner)


def _change(case: Case, segment: Segment) -> Change | None:
    """Cuts the candidate's piece out and the reference's in."""
    assert case.sides is not None
    mine = case.sides[0].slicer
    starts = (*segment.inputs, *segment.extra)
    sources = {cut.reference: cut for cut in starts}
    fed = {k: case.sides[0].feeds.get(k) for k in mine.graph.inputs}
    passes = segment.output.reference in sources
    if not (segment.reference or passes) or not _same_operators(case):
        return None
    shared = _shared(case)
    feeds = dict.fromkeys([*sources, *fed, *shared], np.zeros(0, np.float32))
    piece = mine.excerpt(segment.reference, feeds, [segment.output.reference])
    open_ends = {item.name for item in piece.model.graph.input} - set(sources)
    open_ends = (open_ends - set(shared)) | _baked(piece.model, mine)
    mark = f"{_MARK}/{segment.output.candidate}/"
    steps = [_brought(cut, case, mark) for cut in sources.values()]
    last = _returned(segment.output, case, mark)
    if open_ends or last is None or any(step is None for step in steps):
        return None

    def change(model: onnx.ModelProto) -> None:
        if _is_done(model, segment.output.candidate):
            return
        _cut_out(model, segment.output.candidate)
        made = [node for step in steps for node in step or ()]
        made += [_renamed(node, mark, shared) for node in piece.model.graph.node]
        made += last
        for tensor in piece.model.graph.initializer:
            copy = model.graph.initializer.add()
            copy.CopyFrom(tensor)
            copy.name = mark + tensor.name
        _add(model, made)

    return change


def _same_operators(case: Case) -> bool:
    """Whether the candidate's opset reads the reference's nodes as its own does."""
    assert case.reference is not None
    assert case.candidate is not None
    mine, other = case.reference.opset, case.candidate.opset
    plain = {n.op_type for n in case.nodes_of("reference") if not n.domain}
    return mine == other or all(_since(op, mine) == _since(op, other) for op in plain)


def _since(op_type: str, opset: int) -> int | None:
    """The opset that an operator is read by; None where it came later."""
    if not onnx.defs.has(op_type, max_inclusive_version=opset):
        return None
    return int(onnx.defs.get_schema(op_type, opset).since_version)


def _is_done(model: onnx.ModelProto, output: str) -> bool:
    """Whether another suspect's edit has put the piece in already."""
    old = f"{_MARK}replaced/{output}"
    return any(old in node.output for node in model.graph.node)


def _cut_out(model: onnx.ModelProto, output: str) -> None:
    """Let the old value be computed under another name, for whoever never reads it."""
    for node in model.graph.node:
        for i, name in enumerate(node.output):
            if name == output:
                node.output[i] = f"{_MARK}replaced/{output}"
                return
    raise KeyError(output)


def _add(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    """Put nodes before the first that reads what they make, behind what they read."""
    made = {name for node in nodes for name in node.output}
    everything = list(model.graph.node)
    reads = [i for i, n in enumerate(everything) if made & set(n.input)]
    place = min(reads, default=len(everything))
    for item in reversed(nodes):
        model.graph.node.insert(place, item)


def _shared(case: Case) -> dict[str, str]:
    """Constants of the reference -> the same of the candidate, at paired nodes.

    What depends on the number of samples is right there for any number.
    """
    mine, other = case.reference, case.candidate
    assert mine is not None
    assert other is not None
    found = {}
    for ours, theirs in case.pairs:
        for first, second in zip(ours.inputs, theirs.inputs, strict=False):
            a, b = mine.constant(first), other.constant(second)
            if a is not None and b is not None and np.array_equal(a, b):
                found[first] = second
    return found


def _baked(piece: onnx.ModelProto, slicer: Slicer) -> set[str]:
    """Constants that were worked out for the samples that are looked at alone."""
    names = {tensor.name for tensor in piece.graph.initializer}
    return {name for name in names if not slicer.closed(name)}


def _renamed(
    node: onnx.NodeProto, mark: str, shared: Mapping[str, str]
) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = mark + node.name if node.name else ""
    for names in (copy.input, copy.output):
        for i, name in enumerate(names):
            names[i] = shared.get(name) or (mark + name if name else "")
    return copy


def _brought(cut: Cut, case: Case, mark: str) -> list[onnx.NodeProto] | None:
    """Nodes that bring a candidate's value to the reference's layout and type."""
    assert case.sides is not None
    ours, theirs = (side.graph for side in case.sides)
    target = mark + cut.reference
    shape, dtype = ours.static_shape(cut.reference), ours.values[cut.reference].dtype
    perm = cut.layout.perm
    back = None if perm is None else tuple(int(axis) for axis in np.argsort(perm))
    same = theirs.values[cut.candidate].dtype == dtype
    return _moved((cut.candidate, target), back, cut.layout.shape, shape, dtype, same)


def _returned(cut: Cut, case: Case, mark: str) -> list[onnx.NodeProto] | None:
    """Nodes that bring the reference's answer to the candidate's layout and type."""
    assert case.sides is not None
    ours, theirs = (side.graph for side in case.sides)
    source, shape = mark + cut.reference, ours.static_shape(cut.reference)
    dtype = theirs.values[cut.candidate].dtype
    same = ours.values[cut.reference].dtype == dtype
    names, target = (source, cut.candidate), cut.layout.shape
    return _moved(names, cut.layout.perm, shape, target, dtype, same)


def _moved(
    names: tuple[str, str],
    perm: tuple[int, ...] | None,
    shape: tuple[int, ...] | None,
    wanted: tuple[int, ...] | None,
    dtype: str | None,
    same_type: bool,
) -> list[onnx.NodeProto] | None:
    """Nodes from one name to another; None where a length of samples would be fixed."""
    source, target = names
    make = onnx.helper.make_node
    middle = target if same_type else f"{target}/moved"
    if perm is not None:
        if shape is None or wanted is None or len(perm) != len(wanted):
            return None
        nodes = [make("Transpose", [source], [middle], perm=list(perm))]
    elif shape == wanted:
        nodes = [make("Identity", [source], [middle])]
    elif not shape or not wanted or shape[0] != wanted[0]:
        return None
    else:
        nodes = list(_reshaped(source, middle, wanted))
    if not same_type and dtype:
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        nodes.append(make("Cast", [middle], [target], to=kind))
    return nodes


def _reshaped(
    source: str, target: str, shape: tuple[int, ...]
) -> Iterator[onnx.NodeProto]:
    """A reshape that leaves the number of samples free."""
    make = onnx.helper.make_node
    wanted = onnx.numpy_helper.from_array(np.array([-1, *shape[1:]], np.int64))
    yield make("Constant", [], [f"{target}/shape"], value=wanted)
    yield make("Reshape", [source, f"{target}/shape"], [target])
