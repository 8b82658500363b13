"""Parameters of recurrent layers, gate by gate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.edits import set_constant, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import Array, FloatArray
    from harness.diagnose.case import Case
    from harness.diagnose.edits import Change
    from harness.graphs.model import Graph, Node

GATES = {"LSTM": "iofc", "GRU": "zrh", "RNN": "h"}
_PARTS = {"input": 1, "state": 2, "bias": 3}
_CLOSE = 1e-5


@dataclass(frozen=True, eq=False)
class RecurrentPair:
    """Two recurrent layers with constant parameters of the same shapes.

    Attributes:
        nodes: (reference, candidate).
        mine: The reference's parts: input, state, bias. Shape (directions, gates,
            hidden, columns); the bias has columns for input and state.
        other: The candidate's.
        raw: The reference's parts as its file keeps them.
        resets_last: Whether a GRU's reset gate acts behind the matrix product.
    """

    nodes: tuple[Node, Node]
    mine: dict[str, FloatArray]
    other: dict[str, FloatArray]
    raw: dict[str, Array]
    resets_last: bool

    @cached_property
    def order(self) -> tuple[int, ...] | None:
        """Which of the candidate's gates stands in for each; None for no order."""
        n = len(GATES[self.nodes[1].op_type])
        for order in permutations(range(n)):
            moved = {k: a[:, list(order)] for k, a in self.other.items()}
            if all(_alike(self.mine[k], moved[k]) for k in ("input", "state")):
                return order
        return None

    @cached_property
    def missing_bias(self) -> str | None:
        """What the candidate has no bias for: inputs, the state or both."""
        if self.same("bias"):
            return None
        names = ("inputs", "the state")
        gone = [
            name
            for i, name in enumerate(names)
            if not self.other["bias"][..., i].any() and self.mine["bias"][..., i].any()
        ]
        return " and ".join(gone) or None

    def same(self, part: str) -> bool:
        """Whether a part agrees; of a bias, what it comes to."""
        mine, other = self.mine[part], self.other[part]
        if part == "bias":
            mine, other = self._effective(mine), self._effective(other)
        return _alike(mine, other)

    def _effective(self, bias: FloatArray) -> FloatArray:
        """Both biases act as their sum, but for a gate that is reset behind it."""
        summed: FloatArray = bias.sum(axis=-1, keepdims=True).repeat(2, axis=-1)
        if self.resets_last:
            summed[:, -1] = bias[:, -1]
        return summed


def recurrent_pairs(case: Case) -> Iterator[RecurrentPair]:
    """Recurrent layers of a segment that stand for each other."""
    assert case.reference is not None
    assert case.candidate is not None
    for nodes in case.pairs_of(*GATES):
        mine, other = _parts(case.reference, nodes[0]), _parts(case.candidate, nodes[1])
        if mine is None or other is None:
            continue
        if any(mine[k].shape != other[k].shape for k in _PARTS):
            continue
        last = bool(nodes[1].attributes.get("linear_before_reset", 0))
        raw = {k: case.reference.constant(nodes[0].input(i)) for k, i in _PARTS.items()}
        kept = {k: a for k, a in raw.items() if a is not None}
        yield RecurrentPair(nodes, mine, other, kept, last)


def recurrent_restored(pair: RecurrentPair, *parts: str) -> Change:
    """Put the reference's parts into the candidate; all without names."""
    key = pair.nodes[1].key
    wanted = {k: a for k, a in pair.raw.items() if not parts or k in parts}
    return together([set_constant(key, _PARTS[k], a) for k, a in wanted.items()])


def _parts(graph: Graph, node: Node) -> dict[str, FloatArray] | None:
    n = len(GATES[node.op_type])
    state = graph.constant(node.input(2))
    if state is None or graph.constant(node.input(1)) is None:
        return None
    directions, hidden = state.shape[0], state.shape[-1]
    found: dict[str, FloatArray] = {}
    for name, index in _PARTS.items():
        array = graph.constant(node.input(index))
        if array is None:
            found[name] = np.zeros((directions, n, hidden, 2))
        elif name == "bias":
            both = array.astype(np.float64).reshape(directions, 2, n, hidden)
            found[name] = np.moveaxis(both, 1, -1)
        else:
            found[name] = array.astype(np.float64).reshape(directions, n, hidden, -1)
    return found


def _alike(mine: FloatArray, other: FloatArray) -> bool:
    size = float(np.abs(mine).max(initial=0.0))
    return bool(np.abs(mine - other).max(initial=0.0) <= _CLOSE * size + 1e-12)
