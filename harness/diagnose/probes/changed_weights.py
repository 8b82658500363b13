"""WGT001: weights that are not the reference's, beyond rounding of their type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.diagnose.case import say
from harness.diagnose.cause import Cause, CauseProbe, Needs
from harness.diagnose.differences import OtherWeights
from harness.diagnose.edits import set_attribute
from harness.diagnose.recurrent import recurrent_pairs, recurrent_restored
from harness.diagnose.restore import parameter_place, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.core.protocols import FloatArray
    from harness.diagnose.case import Case
    from harness.diagnose.cause import Suspect
    from harness.diagnose.recurrent import RecurrentPair
    from harness.graphs.model import Node

CAUSE = Cause(
    code="WGT001",
    slug="weights.changed",
    line="weights are not the reference's, beyond rounding",
    hint="convert from the same checkpoint, and look for a step that retouches or "
    "rounds weights in between",
    rank=80,
)

# More levels than an 8-bit code has are no rounding to few levels.
_MOST_LEVELS = 256
_TABLES = {
    "LinearClassifier": ("coefficients", "intercepts"),
    "LinearRegressor": ("coefficients", "intercepts"),
    "SVMClassifier": ("coefficients", "support_vectors", "rho"),
    "SVMRegressor": ("coefficients", "support_vectors", "rho"),
    "TreeEnsembleClassifier": ("class_weights", "nodes_values"),
    "TreeEnsembleRegressor": ("target_weights", "nodes_values"),
    "Scaler": ("offset", "scale"),
}
# Up to so many elements or channels are listed one by one.
_LISTED = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """One parameter, reference and candidate in the same layout.

    Attributes:
        found: Where it was found.
        node: The candidate's node that reads it.
        tensor: The file's name of it.
        reference: Its values.
        candidate: Its values.
        differs: Which elements rounding does not explain.
    """

    found: OtherWeights
    node: Node
    tensor: str
    reference: FloatArray
    candidate: FloatArray
    differs: FloatArray

    @property
    def sqnr_db(self) -> float:
        """``10 log10(sum r^2 / sum (c - r)^2)``; -inf where the reference is zero."""
        noise = float(np.sum((self.candidate - self.reference) ** 2))
        signal = float(np.sum(self.reference**2))
        return 10 * np.log10(signal / noise) if signal and noise else -np.inf

    @property
    def distance(self) -> str:
        """How far it is, in words."""
        if not self.reference.any():
            return "where the reference has zeros"
        return f"{self.sqnr_db:.1f} dB from the reference's"

    @property
    def levels(self) -> int | None:
        """Distinct values, where they are few and the reference has many more."""
        raw = self.found.candidate.kernel if self.found.part == "kernel" else None
        if raw is None:
            return None
        count = np.unique(raw.values).size
        before = np.unique(self.reference).size
        few = count <= min(_MOST_LEVELS, raw.size // 2) and before >= 4 * count
        return count if few else None


def look(case: Case) -> Iterator[Suspect]:
    """A suspect for each parameter; those that were rounded alike are one."""
    for found in case.differences:
        if isinstance(found, OtherWeights):
            yield _suspect(case, _change(found))
    for pair in recurrent_pairs(case):
        yield from _recurrent(case, pair)
    for nodes in case.pairs_of(*_TABLES):
        yield from _table(case, nodes)


def _table(case: Case, nodes: tuple[Node, Node]) -> Iterator[Suspect]:
    """Models of tables keep their weights in attributes."""
    theirs = nodes[1]
    for name in _TABLES[theirs.op_type]:
        mine, other = (np.array(n.attributes.get(name, ()), float) for n in nodes)
        if mine.shape != other.shape or np.allclose(mine, other, 1e-6, 1e-12):
            continue
        count = int((~np.isclose(mine, other, 1e-6, 1e-12)).sum())
        said = say(
            f"{theirs.op_type} '{theirs.label}': {count} of {mine.size} {name} differ",
            f"{name} as trained",
            f"other {name}",
        )
        change = set_attribute(theirs.key, name, mine.tolist())
        edit = f"put the reference's {name} into '{theirs.label}'", change
        yield case.suspect(CAUSE, nodes, said, edit, tensor=name)


def _recurrent(case: Case, pair: RecurrentPair) -> Iterator[Suspect]:
    """One suspect a recurrent layer, whatever of it differs."""
    parts = [part for part in pair.mine if not pair.same(part)]
    if not parts:
        return
    theirs = pair.nodes[1]
    named = " and ".join(
        f"{part} weights" if part != "bias" else part for part in parts
    )
    said = say(
        f"{theirs.op_type} '{theirs.label}': {named} differ from the reference's",
        "the weights as trained",
        f"other {named}",
    )
    text = f"put the reference's values into '{theirs.label}'"
    edit = text, recurrent_restored(pair, *parts)
    place = theirs.input(("input", "state", "bias").index(parts[0]) + 1)
    yield case.suspect(CAUSE, pair.nodes, said, edit, tensor=place)


def _change(found: OtherWeights) -> _Change:
    place = {"kernel": 0, "gain": 1, "bias": 2}[found.part]
    mine = found.reference.folded()[place]
    other = found.candidate.folded()[place]
    assert mine is not None
    assert other is not None
    node, tensor = parameter_place(found.candidate, found.part)
    differs = mine.differs(other)
    return _Change(found, node, tensor, mine.values, other.values, differs)


def _suspect(case: Case, change: _Change) -> Suspect:
    node, found = change.node, change.found
    ours, theirs = parameter_place(found.reference, found.part)
    said = say(
        f"{node.op_type} '{node.label}': {found.part} '{change.tensor}' "
        f"{_pattern(case, change)}",
        f"the values of '{theirs}'",
        f"values {change.distance}",
    )
    assert case.candidate is not None
    step = restore(case.candidate, found.candidate, found.reference, found.part)
    text = f"put the reference's values into '{change.tensor}'"
    edit = None if step is None else (text, step)
    group = ("rounded",) if change.levels else None
    nodes = ours, node
    return case.suspect(CAUSE, nodes, said, edit, tensor=change.tensor, group=group)


def _pattern(case: Case, change: _Change) -> str:
    if change.levels:
        bits = int(np.ceil(np.log2(change.levels)))
        return f"is rounded to {change.levels} levels ({bits} bits), {change.distance}"
    channels = np.flatnonzero(change.differs.reshape(len(change.differs), -1).any(1))
    if len(channels) > _LISTED:
        share = 100 * float(change.differs.mean())
        return f"differs in {share:.3g} % of its elements, {change.distance}"
    return "differs " + ", ".join(_channel(case, change, int(i)) for i in channels)


def _channel(case: Case, change: _Change, channel: int) -> str:
    names = case.class_names
    place = f"in channel {channel}"
    if names and _is_last(case, change) and len(names) == len(change.reference):
        place = f"for class '{names[channel]}'"
    mine, other = change.reference[channel], change.candidate[channel]
    if mine.ndim:
        largest = float(np.abs(other - mine).max())
        return f"{place} (by up to {largest:.4g})"
    return f"{place} ({other:.4g}; the reference has {mine:.4g})"


def _is_last(case: Case, change: _Change) -> bool:
    """Whether the layer's channels are the columns of an output."""
    graph = case.candidate
    assert graph is not None
    name = change.found.candidate.node.key
    while name not in graph.outputs:
        after = graph.only_consumer(name)
        shape = graph.static_shape(after.key) if after is not None else None
        if after is None or shape is None or shape[-1] != len(change.reference):
            return False
        name = after.key
    return True


PROBE = CauseProbe(CAUSE, look, Needs(evidence=False))
