"""Which node of the candidate is which node of the reference, without their names.

Weights are the anchors: a layer is found again by its numbers, also folded with the
batch norm behind it, transposed, or somewhat changed. Nodes without weights follow by
operator and by the aligned nodes around them; the rest by their order between anchors.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from harness.graphs.layers import Layer, read_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from harness.core.protocols import FloatArray
    from harness.graphs.model import Graph, Node

# Operators without weights that are worth aligning; everything else between them
# (activations, arithmetic, layout, quantization) is seen through.
_LANDMARKS = frozenset(
    {
        *("AveragePool", "MaxPool", "LpPool", "GlobalAveragePool", "GlobalMaxPool"),
        *("InstanceNormalization", "LayerNormalization", "GroupNormalization"),
        *("RMSNormalization", "LRN", "LpNormalization", "SkipLayerNormalization"),
        *("Softmax", "LogSoftmax", "Resize", "Upsample", "DepthToSpace"),
        *("SpaceToDepth", "LSTM", "GRU", "RNN", "TopK", "ArgMax", "GridSample"),
    }
)
# Below this likeness two layers of one shape are not the same, only alike in shape.
_ALIKE = 0.5
_SKETCH = 257
# Sorted weights agree to this share of the largest: int8 rounding is 0.4 %.
_SORTED_ALIKE = 1e-2
# Order decides between layers that are alike to this much.
_ORDER_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class LayerPair:
    """Layers that stand for each other."""

    reference: Layer
    candidate: Layer


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """What stands for what.

    Attributes:
        layers: Aligned layers, in the candidate's order.
        nodes: Aligned (reference, candidate) nodes without weights, likewise.
        unmatched_reference: Nodes of the reference that found no partner.
        unmatched_candidate: Nodes of the candidate that found none.
    """

    layers: tuple[LayerPair, ...]
    nodes: tuple[tuple[Node, Node], ...]
    unmatched_reference: tuple[Node, ...]
    unmatched_candidate: tuple[Node, ...]


def align(reference: Graph, candidate: Graph) -> Alignment:
    """Align the layers and landmarks of two graphs."""
    ours, theirs = read_layers(reference), read_layers(candidate)
    by_weight = _match_layers(ours, theirs)
    sides = _Side(reference, ours), _Side(candidate, theirs)
    matched = {c.node.key: r.node.key for r, c in by_weight if c.kind != "affine"}
    _grow(*sides, matched)
    _fill(*sides, matched)
    layers = [LayerPair(*pair) for pair in by_weight]
    layers += _by_place(ours, theirs, matched, {c.node.key for _, c in by_weight})
    paired = {pair.candidate.node.key for pair in layers}
    nodes = [
        (sides[0].landmarks[r], sides[1].landmarks[c])
        for c, r in matched.items()
        if c not in paired
    ]
    return Alignment(
        layers=tuple(sorted(layers, key=lambda pair: pair.candidate.node.order)),
        nodes=tuple(sorted(nodes, key=lambda pair: pair[1].order)),
        unmatched_reference=sides[0].without(matched.values()),
        unmatched_candidate=sides[1].without(matched),
    )


def _by_place(
    ours: Sequence[Layer],
    theirs: Sequence[Layer],
    matched: Mapping[str, str],
    known: Collection[str],
) -> list[LayerPair]:
    """Layers with other weights that stand where the reference's stand."""
    mine = {layer.node.key: layer for layer in ours}
    pairs = (
        LayerPair(mine[matched[layer.node.key]], layer)
        for layer in theirs
        if layer.node.key in matched and layer.node.key not in known
        if matched[layer.node.key] in mine
    )
    return [p for p in pairs if _comparable(p.reference, p.candidate)]


def _match_layers(
    ours: Sequence[Layer], theirs: Sequence[Layer]
) -> list[tuple[Layer, Layer]]:
    """The pairing with the largest sum of likenesses."""
    if not ours or not theirs:
        return []
    fingerprints = [_fingerprint(layer) for layer in ours]
    others = [_fingerprint(layer) for layer in theirs]
    score = np.zeros((len(ours), len(theirs)))
    for i, mine in enumerate(ours):
        for j, other in enumerate(theirs):
            if _comparable(mine, other):
                score[i, j] = _likeness(fingerprints[i], others[j])
    near = np.abs(
        np.linspace(0, 1, len(ours))[:, None] - np.linspace(0, 1, len(theirs))
    )
    rows, columns = linear_sum_assignment(score - _ORDER_WEIGHT * near, maximize=True)
    found = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(ours[i], theirs[j]) for i, j in found if score[i, j] >= _ALIKE]


def _comparable(mine: Layer, other: Layer) -> bool:
    if mine.kind != other.kind:
        return False
    if mine.kernel is None or other.kernel is None:
        return mine.bias.size == other.bias.size
    return mine.kernel.values.shape == other.kernel.values.shape


def _fingerprint(layer: Layer) -> tuple[FloatArray, FloatArray]:
    """Standardized numbers of a layer, and a sketch of them in rising order."""
    kernel, gain, bias = layer.folded()
    numbers = np.concatenate([gain.values, bias.values])
    if kernel is not None:
        numbers = kernel.values.ravel()
    # One NaN would make a layer unlike all others; the rest of it still speaks.
    numbers = np.nan_to_num(numbers, nan=0.0, posinf=0.0, neginf=0.0)
    spread = numbers - numbers.mean()
    unit = (spread / (np.linalg.norm(spread) or 1.0)).astype(np.float32)
    places = np.linspace(0, unit.size - 1, min(unit.size, _SKETCH)).astype(int)
    return unit, np.sort(unit)[places]


def _likeness(
    mine: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray]
) -> float:
    """Correlation; at least 0.9 where the sorted numbers agree: a permuted layer."""
    direct = float(mine[0] @ other[0])
    apart = np.abs(mine[1] - other[1]).max()
    permuted = apart < _SORTED_ALIKE * np.abs(mine[1]).max()
    return max(direct, 0.9) if permuted else direct


class _Side:
    """Landmarks of one graph, in topological order, and which of them feed which."""

    def __init__(self, graph: Graph, layers: Sequence[Layer]) -> None:
        weighted = {x.node.key for x in layers if x.kind != "affine"}
        self.landmarks = {
            node.key: node
            for node in graph.nodes
            if node.key in weighted or node.op_type in _LANDMARKS
        }
        self.before = self._upstream(graph)
        after: dict[str, set[str]] = {key: set() for key in self.landmarks}
        for key, sources in self.before.items():
            for source in sources:
                after[source].add(key)
        self.after = {key: frozenset(found) for key, found in after.items()}

    def without(self, matched: Iterable[str]) -> tuple[Node, ...]:
        """Landmarks that are not among `matched` keys."""
        known = set(matched)
        return tuple(n for key, n in self.landmarks.items() if key not in known)

    def _upstream(self, graph: Graph) -> dict[str, frozenset[str]]:
        reached: dict[str, frozenset[str]] = {}
        before = {}
        nothing = frozenset[str]()
        for node in graph.nodes:
            sources = nothing.union(*(reached.get(k, nothing) for k in node.inputs))
            if node.key in self.landmarks:
                before[node.key] = sources
                sources = frozenset({node.key})
            reached.update(dict.fromkeys(node.outputs, sources))
        return before


def _grow(reference: _Side, candidate: _Side, matched: dict[str, str]) -> None:
    """Match nodes whose operator and aligned neighbours agree, until none is new."""
    known = -1
    while len(matched) > known:
        known = len(matched)
        _grow_along(reference, candidate, matched, attrgetter("before"))
        _grow_along(reference, candidate, matched, attrgetter("after"))


def _grow_along(
    reference: _Side,
    candidate: _Side,
    matched: dict[str, str],
    neighbours: Callable[[_Side], Mapping[str, frozenset[str]]],
) -> None:
    taken = set(matched.values())
    free: dict[tuple[str, frozenset[str]], list[str]] = {}
    for key, near in neighbours(reference).items():
        if key not in taken and near <= taken:
            free.setdefault((reference.landmarks[key].op_type, near), []).append(key)
    for key, near in neighbours(candidate).items():
        if key in matched or not near <= matched.keys():
            continue
        place = frozenset(matched[k] for k in near)
        options = free.get((candidate.landmarks[key].op_type, place))
        if options:
            matched[key] = options.pop(0)


def _fill(reference: _Side, candidate: _Side, matched: dict[str, str]) -> None:
    """Match what is left by operator and order between what is matched."""
    taken = set(matched.values())
    ours, theirs = list(reference.landmarks), list(candidate.landmarks)
    # A matched node is its own word, an unmatched one its operator: what two texts of
    # such words share in order is aligned.
    mine = [k if k in taken else (reference.landmarks[k].op_type,) for k in ours]
    other = [matched.get(k) or (candidate.landmarks[k].op_type,) for k in theirs]
    blocks = SequenceMatcher(None, mine, other, autojunk=False).get_matching_blocks()
    for block in blocks:
        for offset in range(block.size):
            matched[theirs[block.b + offset]] = ours[block.a + offset]
