"""A graph as units of meaning: what is computed, however its exporter spelled it.

A convolution and the affine maps behind it are one unit; so is a decomposed GELU,
HardSwish, softmax or layer normalization: a region of elementwise operators and
reductions that starts from one value and ends in one. Identity, Cast, layout changes
and quantization belong to no unit: units are joined through them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.graphs.affine import affine_step, affine_steps, channel_axis
from harness.graphs.layers import SLOTS, kind_of
from harness.graphs.walk import EXACT, LAYOUT, TRANSPARENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.graphs.model import Graph, Node

SEEN_THROUGH = TRANSPARENT | LAYOUT
_FUNCTIONS = frozenset(
    {
        *("Abs", "Celu", "Clip", "Elu", "Erf", "Exp", "FastGelu", "Gelu", "QuickGelu"),
        *("HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "Neg", "PRelu"),
        *("Reciprocal", "Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt"),
        *("Tanh", "ThresholdedRelu", "Floor", "Ceil", "Round", "BiasGelu"),
    }
)
_NORMS = frozenset(
    {
        *("InstanceNormalization", "LayerNormalization", "GroupNormalization"),
        *("RMSNormalization", "SimplifiedLayerNormalization", "LpNormalization"),
    }
)
_SOFT = frozenset({"Softmax", "LogSoftmax", "Hardmax"})
_REDUCTIONS = frozenset(
    {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2", "ReduceSumSquare"}
)
_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"})
_AFFINE = frozenset({"BatchNormalization", "Mul", "Add", "Sub", "Div"})
_REGION = _FUNCTIONS | _NORMS | _SOFT | _REDUCTIONS | _ARITHMETIC | EXACT
_FAMILIES = {
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), "pool"),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), "global pool"),
    **dict.fromkeys(("Resize", "Upsample"), "resize"),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), "recurrent"),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), "depth"),
    **dict.fromkeys(("ArgMax", "ArgMin", "TopK"), "choice"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One step of what a graph computes.

    Attributes:
        kind: conv, deconv, dense, affine, function, normalization, softmax, or an
            operator's own name.
        nodes: The file's nodes it stands for, in order; the last computes `output`.
        inputs: Where what it reads comes from: outputs of units, or graph inputs.
        output: The value it computes.
    """

    kind: str
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    output: str

    @property
    def family(self) -> str:
        """Kinds of one family may stand in for each other."""
        return _FAMILIES.get(self.kind, self.kind)

    @property
    def spelling(self) -> tuple[str, ...]:
        """How the file writes it: its operators."""
        return tuple(node.op_type for node in self.nodes)


def root(graph: Graph, name: str) -> str:
    """Where a value comes from, before layout changes, casts and quantization."""
    node = graph.producer(name)
    while node is not None and node.op_type in SEEN_THROUGH:
        name = node.input(0)
        node = graph.producer(name)
    return name


def read_units(graph: Graph) -> tuple[Unit, ...]:
    """All units of a graph, in topological order of their outputs."""
    units: list[Unit] = []
    taken: set[str] = set()
    regions = _regions(graph)
    for node in graph.nodes:
        if node.key in taken or node.op_type in SEEN_THROUGH:
            continue
        nodes = _layer(graph, node) or regions.get(node.key) or (node,)
        taken.update(n.key for n in nodes)
        kind = _kind(nodes)
        inside = {n.key for n in nodes}
        units.append(Unit(kind, nodes, _inputs(graph, nodes, inside), nodes[-1].key))
    return tuple(units)


def _inputs(graph: Graph, nodes: tuple[Node, ...], inside: set[str]) -> tuple[str, ...]:
    read = (root(graph, k) for n in nodes for k in moving(graph, n))
    return tuple(dict.fromkeys(k for k in read if k not in inside))


def moving(graph: Graph, node: Node) -> Iterator[str]:
    """Inputs of a node that the file does not fix."""
    return (k for k in node.inputs if k and graph.constant(k) is None)


def _kind(nodes: tuple[Node, ...]) -> str:
    types = {node.op_type for node in nodes}
    if len(nodes) == 1 and types <= _AFFINE:
        return _alone(nodes[0])
    if nodes[0].op_type in SLOTS:
        return kind_of(nodes[0])
    if types <= _AFFINE:
        return "affine"
    return _region_kind(nodes, types)


def _region_kind(nodes: tuple[Node, ...], types: set[str]) -> str:
    reduced = types & _REDUCTIONS
    if types & _NORMS or (reduced and types & {"Sqrt", "Pow"}):
        return "normalization"
    if types & _SOFT or (reduced and "Exp" in types):
        return "softmax"
    if reduced or (not types & _FUNCTIONS and len(nodes) == 1):
        return nodes[-1].op_type
    return "function"


def _alone(node: Node) -> str:
    return "affine" if node.op_type == "BatchNormalization" else node.op_type


def _layer(graph: Graph, node: Node) -> tuple[Node, ...] | None:
    """A layer with weights and the affine maps that follow it."""
    slots = SLOTS.get(node.op_type)
    if slots is None:
        return _affine(graph, node)
    if graph.constant(node.input(slots.kernel)) is None:
        return None
    if node.attributes.get("activation"):
        return (node,)
    if slots.integer and slots.scale is None:
        return _integer(graph, node)
    channels, axis = _channels(graph, node)
    steps = affine_steps(graph, node.key, channels, axis) if channels else ()
    return (node, *(step.node for step in steps))


def _integer(graph: Graph, node: Node) -> tuple[Node, ...]:
    """A product of integers, its scale as it is fed, and the affine maps behind."""
    nodes = [node]
    after = graph.only_consumer(node.key)
    while after is not None and after.op_type in {*EXACT, "Mul"} and len(nodes) < 4:
        nodes.append(after)
        if after.op_type == "Mul":
            break
        after = graph.only_consumer(after.key)
    if nodes[-1].op_type != "Mul":
        return (node,)
    channels, axis = _channels(graph, node)
    steps = affine_steps(graph, nodes[-1].key, channels, axis) if channels else ()
    return (*nodes, *(step.node for step in steps))


def _affine(graph: Graph, node: Node) -> tuple[Node, ...] | None:
    place = channel_axis(graph, node)
    if place is None or affine_step(graph, node, place[1], place[0]) is None:
        return None
    steps = affine_steps(graph, node.key, place[1], place[0])
    return (node, *(step.node for step in steps))


def _channels(graph: Graph, node: Node) -> tuple[int, int]:
    """(channels, channel axis) of what a layer answers; 0 where unknown."""
    axis = -1 if kind_of(node) == "dense" else 1
    shape = graph.values[node.key].shape
    if shape and len(shape) > 1 and isinstance(shape[axis], int):
        return int(shape[axis]), axis  # type: ignore[arg-type]  # checked above
    kernel = graph.constant(node.input(SLOTS[node.op_type].kernel))
    last = kind_of(node) == "dense" and not node.attributes.get("transB", 0)
    return (kernel.shape[-1 if last else 0] if kernel is not None else 0), axis


def _regions(graph: Graph) -> Mapping[str, tuple[Node, ...]]:
    """First node's key -> nodes of a region with one source and one end."""
    sources: dict[str, str] = {}
    members: dict[str, list[Node]] = {}
    for node in graph.nodes:
        source = _source(graph, node, sources, members)
        if source is not None:
            sources[node.key] = source
            members.setdefault(source, []).append(node)
    found = {}
    for nodes in members.values():
        kept = _trimmed(nodes)
        if len(kept) > 1 and len(_ends(graph, kept)) == 1:
            found[kept[0].key] = kept
    return found


def _source(
    graph: Graph,
    node: Node,
    sources: Mapping[str, str],
    members: Mapping[str, list[Node]],
) -> str | None:
    """The value that a region around this node starts from; None outside of any."""
    if node.op_type not in _REGION or len(node.outputs) > 1:
        return None
    read = list(dict.fromkeys(moving(graph, node)))
    found = {_start(graph, k, sources) for k in read}
    if len(found) != 1:
        return None
    source = found.pop()
    reduced = any(n.op_type in _REDUCTIONS for n in members.get(source, ()))
    if node.op_type in _ARITHMETIC and not reduced and not _scalars(graph, node):
        return None
    return source


def _start(graph: Graph, name: str, sources: Mapping[str, str]) -> str:
    """A value that others read as well is where a region ends, and the next starts."""
    after = graph.consumers(name)
    inner = name not in graph.outputs and all(n.op_type in _REGION for n in after)
    return sources.get(name, name) if inner else name


def _scalars(graph: Graph, node: Node) -> bool:
    fixed = (graph.constant(k) for k in node.inputs if k)
    return all(array is None or array.size == 1 for array in fixed)


def _trimmed(nodes: list[Node]) -> tuple[Node, ...]:
    """Without casts and identities at either side."""
    real = [i for i, node in enumerate(nodes) if node.op_type not in EXACT]
    return tuple(nodes[real[0] : real[-1] + 1]) if real else ()


def _ends(graph: Graph, nodes: tuple[Node, ...]) -> list[str]:
    inside = {node.key for node in nodes}
    return [
        node.key
        for node in nodes
        if node.key in graph.outputs
        or any(n.key not in inside for n in graph.consumers(node.key))
        or not graph.consumers(node.key)
    ]
