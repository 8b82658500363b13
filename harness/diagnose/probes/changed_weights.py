"""WGT001: weights that are not the reference's, beyond rounding of their type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.core.results import Where
from harness.diagnose.catalogue import WEIGHTS
from harness.diagnose.differences import OtherWeights
from harness.diagnose.edits import Edit, together
from harness.diagnose.lead import Lead, Statement, lead
from harness.diagnose.restore import parameter_place, restore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.core.protocols import FloatArray
    from harness.diagnose.context import Context
    from harness.graphs.model import Node

# More levels than an 8-bit code has are no rounding to few levels.
_MOST_LEVELS = 256
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


class ChangedWeights:
    """Reports what no other cause explains of a layer's numbers."""

    cause = WEIGHTS.slug

    def run(self, context: Context) -> Iterator[Lead]:
        """A lead for each parameter; those that were rounded alike are one."""
        found = [d for d in context.differences if isinstance(d, OtherWeights)]
        changes = [_change(difference) for difference in found]
        rounded = [change for change in changes if change.levels]
        if rounded:
            yield _lead(context, sorted(rounded, key=lambda c: c.sqnr_db))
        for change in changes:
            if not change.levels:
                yield _lead(context, [change])


def _change(found: OtherWeights) -> _Change:
    place = {"kernel": 0, "gain": 1, "bias": 2}[found.part]
    mine = found.reference.folded()[place]
    other = found.candidate.folded()[place]
    assert mine is not None
    assert other is not None
    node, tensor = parameter_place(found.candidate, found.part)
    differs = mine.differs(other)
    return _Change(found, node, tensor, mine.values, other.values, differs)


def _lead(context: Context, changes: Sequence[_Change]) -> Lead:
    worst = changes[0]
    node = worst.node
    ours, theirs = parameter_place(worst.found.reference, worst.found.part)
    said = Statement(
        f"{node.op_type} '{node.label}': {worst.found.part} '{worst.tensor}' "
        f"{_pattern(context, worst)}{_others(changes)}",
        f"the values of '{theirs}'",
        f"values {worst.distance}",
    )
    where = Where(node.label, ours.label, node.op_type, worst.tensor)
    return lead(context, WEIGHTS, where, said, _edit(context, changes), node.order)


def _others(changes: Sequence[_Change]) -> str:
    names = ", ".join(f"'{change.tensor}'" for change in changes[1 : _LISTED + 1])
    more = len(changes) - 1 - _LISTED
    if not names:
        return ""
    return f"; likewise {names}" + (f" and {more} more" if more > 0 else "")


def _pattern(context: Context, change: _Change) -> str:
    if change.levels:
        bits = int(np.ceil(np.log2(change.levels)))
        return f"is rounded to {change.levels} levels ({bits} bits), {change.distance}"
    channels = np.flatnonzero(change.differs.reshape(len(change.differs), -1).any(1))
    if len(channels) > _LISTED:
        share = 100 * float(change.differs.mean())
        return f"differs in {share:.3g} % of its elements, {change.distance}"
    return "differs " + ", ".join(_channel(context, change, int(i)) for i in channels)


def _channel(context: Context, change: _Change, channel: int) -> str:
    names = context.class_names
    place = f"in channel {channel}"
    if names and _is_last(context, change) and len(names) == len(change.reference):
        place = f"for class '{names[channel]}'"
    mine, other = change.reference[channel], change.candidate[channel]
    if mine.ndim:
        largest = float(np.abs(other - mine).max())
        return f"{place} (by up to {largest:.4g})"
    return f"{place} ({other:.4g}; the reference has {mine:.4g})"


def _is_last(context: Context, change: _Change) -> bool:
    assert context.alignment is not None
    last = max(pair.candidate.node.order for pair in context.alignment.layers)
    return change.found.candidate.node.order == last


def _edit(context: Context, changes: Sequence[_Change]) -> Edit | None:
    assert context.candidate is not None
    made = []
    for change in changes:
        found = change.found
        step = restore(context.candidate, found.candidate, found.reference, found.part)
        if step is None:
            return None
        made.append(step)
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    text = f"put the reference's values into '{changes[0].tensor}'{more}"
    return Edit(text, together(made))
